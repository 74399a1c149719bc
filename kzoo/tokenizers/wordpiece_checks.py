"""What the parts of a WordPiece tokenizer must be."""

from kzoo.errors import InputError
from kzoo.tokenizers.vocabulary_checks import check_once_each

_NAMED = ("unknown_token", "pad_token", "cls_token", "sep_token", "mask_token")


def check_tokenizer(tokenizer) -> None:
    """Raise if the parts of a `WordPieceTokenizer` do not fit together.

    Args:
        tokenizer: The tokenizer, before anything was looked up in it.

    Raises:
        InputError: As the class says.
    """
    _check_kinds(tokenizer)
    check_once_each(tokenizer.vocabulary)
    known = set(tokenizer.vocabulary)
    missing = [token for token in tokenizer.special_tokens if token not in known]
    if missing:
        raise InputError(
            "The vocabulary holds every special token.",
            f"vocabulary without {', '.join(missing)}",
            "Add them, or name the tokens that serve instead "
            "(unknown_token, pad_token, cls_token, sep_token, mask_token).",
        )


def _check_kinds(tokenizer) -> None:
    for name in ("lowercase", "split_chinese_characters", "clean_text"):
        if not isinstance(value := getattr(tokenizer, name), bool):
            raise InputError("A switch is on or off.", f"{name}={value!r}")
    if not isinstance(tokenizer.strip_accents, bool | None):
        raise InputError(
            "strip_accents is on, off, or None for what lowercase is.",
            f"strip_accents={tokenizer.strip_accents!r}",
        )
    named = {name: getattr(tokenizer, name) for name in _NAMED}
    named["continuing_prefix"] = tokenizer.continuing_prefix
    named |= {f"vocabulary[{i}]": t for i, t in enumerate(tokenizer.vocabulary)}
    for name, value in named.items():
        if not _is_text(value):
            raise InputError("A token is a text, in Unicode.", f"{name}={value!r}")
    most = tokenizer.max_characters_per_word
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most < 2**32:
        raise InputError(
            "max_characters_per_word is a whole number, at least 1 and below 2**32.",
            f"max_characters_per_word={most!r}",
            "BERT has 100.",
        )


def _is_text(value) -> bool:
    """Return whether a value is a text without half a character."""
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:
        return False
