"""Text as it comes: whole characters only, and nothing of a stop string."""

import codecs
from collections.abc import Sequence


class TextStream:
    r"""Turns the tokens of one text into pieces that can be shown at once.

    A character of several bytes is kept back until its last byte is there. What may
    be the beginning of a stop string is kept back until it is known not to be. Special
    tokens are not text and are left out.

    Args:
        tokenizer: With `token_bytes`, `special_tokens` and `token_to_id`.
        stop: Strings that end the text, and are not part of it.

    Attributes:
        stopped: Whether a stop string has come.

    Example:
        >>> from kzoo.tokenizers import CharacterTokenizer
        >>> letters = CharacterTokenizer.train(["a\nb"])
        >>> stream = TextStream(letters, stop=["\n\n"])
        >>> [stream.feed(index) for index in letters.encode("a\nb\n\nb")]
        ['a', '', '\nb', '', '', '']
        >>> stream.stopped
        True
    """

    def __init__(self, tokenizer, stop: Sequence[str] = ()):
        self._tokenizer = tokenizer
        self._stop = tuple(stop)
        special = tokenizer.special_tokens
        self._hidden = {tokenizer.token_to_id(token) for token in special}
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._kept = ""
        self.stopped = False

    def feed(self, token_id: int) -> str:
        """Return the text that one more token makes certain, perhaps none."""
        if self.stopped or token_id in self._hidden:
            return ""
        self._kept += self._decoder.decode(self._tokenizer.token_bytes(token_id))
        return self._release()

    def finish(self) -> str:
        """Return what was kept back, at the end of the text."""
        if self.stopped:
            return ""
        self._kept += self._decoder.decode(b"", final=True)
        text = self._release()
        rest, self._kept = self._kept, ""
        return text + ("" if self.stopped else rest)

    def _release(self):
        found = [at for s in self._stop if (at := self._kept.find(s)) >= 0]
        if found:
            self.stopped = True
            text, self._kept = self._kept[: min(found)], ""
            return text
        keep = max((_overlap(self._kept, s) for s in self._stop), default=0)
        cut = len(self._kept) - keep
        text, self._kept = self._kept[:cut], self._kept[cut:]
        return text


def _overlap(text, stop):
    """Return how many characters at the text's end may begin a stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
