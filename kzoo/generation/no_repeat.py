"""Which tokens would repeat something that a text has said already."""

from collections.abc import Sequence

import numpy as np

from kzoo.errors import InputError


def check_ngram(size: int) -> int:
    """Return the n of `no_repeat_ngram`, 0 for no such rule.

    Raises:
        InputError: If it is negative.
    """
    if not size >= 0:
        raise InputError(
            "The n-grams that may not come twice have one token or more.",
            f"no_repeat_ngram={size!r}",
            "Pass 0 for no such rule.",
        )
    return size


def repeated_ngram_ids(text: Sequence[int], size: int) -> list[int]:
    """Return the ids that would end an n-gram that is in the text already.

    Args:
        text: The ids so far.
        size: n; 0 for no such rule.

    Returns:
        The ids, without order.

    Example:
        >>> sorted(repeated_ngram_ids([1, 2, 3, 1, 2], 3))
        [3]

    Reference:
        Paulus et al. 2017, arXiv:1705.04304, section 2.5.
    """
    if not size or len(text) < size:
        return []
    text = tuple(int(token) for token in text)
    last = text[len(text) - size + 1 :]
    starts = range(len(text) - size + 1)
    found = {text[i + size - 1] for i in starts if text[i : i + size - 1] == last}
    return list(found)


def best_of(
    logits: np.ndarray, banned: Sequence[Sequence[int]], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k most probable tokens of every row that are not banned, best first.

    Args:
        logits: (B, V) float32.
        banned: Ids for each row.
        k: How many, at most V.

    Returns:
        Their log-probabilities among all tokens (B, k) float32, and their ids (B, k).
    """
    top = logits.max(axis=-1, keepdims=True)
    total = top + np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))
    scores = logits - total
    for row, ids in zip(scores, banned, strict=True):
        row[list(ids)] = -np.inf
    ids = np.argsort(-scores, axis=-1, kind="stable")[:, :k]
    return np.take_along_axis(scores, ids, axis=-1), ids.astype("int32")
