"""What the parts of a byte-level BPE tokenizer must be."""

from collections.abc import Iterable

from kzoo.errors import InputError
from kzoo.tokenizers.byte_alphabet import characters_of_bytes
from kzoo.tokenizers.vocabulary_checks import check_once_each

_NAMED = (
    "end_token",
    "start_token",
    "pad_token",
    "unknown_token",
    "cls_token",
    "sep_token",
    "mask_token",
)


def pairs_of_merges(merges: Iterable) -> list[tuple[str, str]]:
    """Return merges as pairs.

    Args:
        merges: Pairs, or strings of two tokens with a space between them.

    Returns:
        The pairs.

    Raises:
        InputError: Something that is no pair.
    """
    pairs = []
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else list(merge)
        if len(parts) != 2 or not all(isinstance(p, str) and p for p in parts):
            raise InputError(
                "A merge is a pair of tokens.",
                f"merge={merge!r}",
                "Pass ('a', 'b') or 'a b'.",
            )
        pairs.append((parts[0], parts[1]))
    return pairs


def check_tokenizer(tokenizer) -> None:
    """Raise if the parts of a `ByteBPETokenizer` do not fit together.

    Args:
        tokenizer: The tokenizer.

    Raises:
        InputError: As the class says.
    """
    ids = tokenizer._id_of
    check_once_each(tokenizer.vocabulary)
    lacking = [char for char in characters_of_bytes() if char not in ids]
    if lacking:
        raise InputError(
            "A byte-level vocabulary holds each of the 256 bytes.",
            f"vocabulary without {' '.join(lacking[:8])}"
            + (" ..." if len(lacking) > 8 else ""),
            "Add them; ByteBPETokenizer.train does.",
        )
    _check_special(tokenizer)
    for left, right in tokenizer.merges:
        for token in (left, right, left + right):
            if token not in ids:
                raise InputError(
                    "The vocabulary holds both parts of each merge and what they make.",
                    f"merges with {left!r} {right!r}, vocabulary without {token!r}",
                    "The vocabulary and the merges must come from the same tokenizer.",
                )


def _check_special(tokenizer) -> None:
    if (tokenizer.cls_token is None) != (tokenizer.sep_token is None):
        raise InputError(
            "A frame has both a cls_token and a sep_token.",
            f"cls_token={tokenizer.cls_token!r}, sep_token={tokenizer.sep_token!r}",
            "Pass both, or neither.",
        )
    named = {name: getattr(tokenizer, name) for name in _NAMED}
    given = [token for token in named.values() if token is not None]
    given += tokenizer.extra_special_tokens
    missing = [token for token in given if token not in tokenizer._id_of]
    if missing or "" in given:
        raise InputError(
            "The vocabulary holds every special token.",
            f"vocabulary without {', '.join(map(repr, missing or ['']))}",
            "Add them, or name the tokens that serve instead "
            f"({', '.join(_NAMED)}, extra_special_tokens).",
        )
