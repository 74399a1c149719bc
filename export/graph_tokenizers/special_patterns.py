"""Special tokens that are spelt out in a text, as patterns that a graph can match."""

from typing import NamedTuple

import numpy as np

ROW_END = 1  # the mark of a text's end; those of special tokens follow


class SpecialPatterns(NamedTuple):
    """The special tokens as rows of numbers, the longer ones first.

    Args:
        units: int32 `(tokens, longest)`; -1 behind the end of a shorter token.
        lengths: int32 `(tokens,)`.
        first_units: int32, what the tokens begin with, each once.
    """

    units: np.ndarray
    lengths: np.ndarray
    first_units: np.ndarray


def special_patterns(tokens: tuple[str, ...], as_bytes: bool) -> SpecialPatterns:
    """Return the patterns of special tokens.

    Args:
        tokens: The tokens, the longer ones first.
        as_bytes: Whether a unit is a byte of UTF-8, else a code point.

    Returns:
        The patterns.
    """
    rows = [list(t.encode("utf-8")) if as_bytes else list(map(ord, t)) for t in tokens]
    longest = max(map(len, rows))
    return SpecialPatterns(
        np.array([row + [-1] * (longest - len(row)) for row in rows], "int32"),
        np.array([len(row) for row in rows], "int32"),
        np.array(sorted({row[0] for row in rows}), "int32"),
    )
