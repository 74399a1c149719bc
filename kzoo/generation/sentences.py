"""Where one sentence ends and the next begins."""

import re

# A full stop, question or exclamation mark with what closes behind it; in Chinese and
# Japanese no space need follow.
_WIDE = "。！？｡"
_END = re.compile(
    rf"[{_WIDE}]+[”’」』）\"']*\s*"
    r"|(?<![.!?…])[.!?…]+[\"'”“’»)\]]*(?:\s+|$)"
    r"|\n\s*"
)
# How far back an abbreviation is looked for, so that long texts take no longer.
_REACH = 64
# A full stop behind these is no end: single letters, numbers, titles and the like.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:[^\W\d_]|\d+|[Dd]rs?|[Mm]rs?|[Mm]s|[Pp]rof|[Ss]t|[Jj]r|[Ss]r|"
    r"vs|cf|[Vv]gl|[Nn]r|[Nn]o|bzw|usw|ca|etc|[Ff]ig|[Aa]bb|al|[Bb]d|[Hh]rsg|"
    r"[Aa]pprox|[Ii]nc|[Ll]td|[Mm]me|[Mm]lle|(?:[^\W\d_]\.)+[^\W\d_])\.$"
)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with the white space behind it.

    A rule of thumb: a text may come out in fewer parts than a reader would make of it,
    and put together again the parts are the text.

    Args:
        text: The text.

    Returns:
        Its parts; none of an empty text.

    Example:
        >>> split_sentences("Dr. No came. He saw!  你好。再见。")
        ['Dr. No came. ', 'He saw!  ', '你好。', '再见。']
    """
    parts, start = [], 0
    for match in _END.finditer(text):
        end = match.end()
        following = text[end : end + 1]
        is_wide = match[0][0] in _WIDE
        is_line = match[0][0] == "\n"
        if not is_wide and not is_line:
            last = match.start() + len(match[0].rstrip())
            head = text[max(start, last - _REACH) : last]
            if following.islower() or _ABBREVIATION.search(head):
                continue
        if text[start:end].strip():
            parts.append(text[start:end])
            start = end
    if text[start:].strip():
        parts.append(text[start:])
    elif parts:
        parts[-1] += text[start:]
    return parts
