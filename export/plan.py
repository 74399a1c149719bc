"""What a validation runs: calls, and what the model says to each."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_TEXTS_PER_CALL = 64


@dataclasses.dataclass(frozen=True)
class Plan:
    """The calls of one signature with the model's own answers.

    Args:
        calls: The inputs of each call.
        expected: The model's outputs of each.
        explains: Of outputs that the model generates step by step: function of a
            call's and a row's index and of another answer there to whether rounding
            explains it: whether the model itself gives it once its logits are moved
            by no more. It is asked for rows that differ alone.
        shortfall: Function of the same to how much less probable the model finds that
            answer than its own, in nats a token; for artefacts of smaller weights.
        fill_id: What fills generated rows up that ended early.
    """

    calls: list[dict[str, np.ndarray]]
    expected: list[dict[str, np.ndarray]]
    explains: Callable[[int, int, Any], bool] | None = None
    fill_id: int = 0
    shortfall: Callable[[int, int, Any], float] | None = None


def as_bytes(text: str | bytes) -> bytes:
    """Return a text's UTF-8, lone surrogates included."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def string_array(texts: Sequence[bytes]) -> np.ndarray:
    """Return byte strings as an object array, (B,)."""
    array = np.empty(len(texts), dtype=object)
    array[:] = list(texts)
    return array


def text_groups(texts: Sequence[bytes], first: int) -> list[list[int]]:
    """Return the indices of the texts that run together.

    None at all; one alone; the short ones of the first, so that lengths are mixed; a
    short one with the last of the first, which is cut; the others by length. Invalid
    UTF-8 runs apart, since not every client can mix it with text.

    Args:
        texts: All texts.
        first: How many of them, the first, are the model's own samples.

    Returns:
        A list of indices for each call.
    """
    valid = [index for index, text in enumerate(texts) if _is_valid(text)]
    short = [index for index in valid if index < first - 1]
    groups = [[], short[:1], short, [*short[:1], first - 1]]
    rest = [index for index in valid if index >= first]
    rest.sort(key=lambda index: len(texts[index]))
    invalid = [index for index in range(len(texts)) if not _is_valid(texts[index])]
    for some in (rest, invalid):
        for start in range(0, len(some), _TEXTS_PER_CALL):
            groups.append(some[start : start + _TEXTS_PER_CALL])
    return groups


def _is_valid(text):
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def padded_rows(
    rows: Sequence[np.ndarray], *, width: int = 0, left: bool = False
) -> dict[str, np.ndarray]:
    """Return rows of ids as `input_ids` and `attention_mask`, int64.

    Args:
        rows: The ids of each.
        width: The least number of columns.
        left: Whether the padding, zeros, is on the left.

    Example:
        >>> padded_rows([np.array([5, 6]), np.array([7])])["attention_mask"].tolist()
        [[1, 1], [1, 0]]
    """
    width = max([width, *map(len, rows)])
    ids = np.zeros((len(rows), width), "int64")
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        part = slice(width - len(row), None) if left else slice(len(row))
        ids[place, part], mask[place, part] = row, 1
    return {"input_ids": ids, "attention_mask": mask}
