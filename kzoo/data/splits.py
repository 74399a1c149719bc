"""Which split a file is, and how a split that is missing is cut from the rest."""

import re

import numpy as np

_SPLIT_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "eval": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_SALT = 0x6B7A6F6F5F637574  # "kzoo_cut"


def split_in_name(name: str) -> str | None:
    """Return the split that a file name says, or `None`.

    Args:
        name: A file name.

    Returns:
        The one split whose word stands alone in the name.

    Example:
        >>> split_in_name("glue_dev.tsv"), split_in_name("stsa.binary.train")
        ('validation', 'train')
        >>> split_in_name("reviews.csv") is None
        True
    """
    words = re.split(r"[^a-z]+", name.lower())
    found = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def cut(count: int, shares: dict[str, float]) -> dict[str, np.ndarray]:
    """Part rows by a hash of their index: whatever the order, always the same rows.

    A row's hash is a number in [0, 1). Validation rows are those below its share, test
    rows those in the uppermost share: so neither depends on how much the other takes,
    and no row of the test cut is ever trained on.

    Args:
        count: The number of rows.
        shares: The shares of `validation` and `test` to cut; `train` gets the rest.

    Returns:
        The row indices of each split, ascending.

    Example:
        >>> parts = cut(1000, {"validation": 0.1})
        >>> len(parts["validation"]), len(parts["train"])
        (108, 892)
    """
    value = _hash(np.arange(count, dtype="uint64")) / 2.0**64
    low, high = shares.get("validation", 0.0), 1.0 - shares.get("test", 0.0)
    bounds = {"validation": (0.0, low), "test": (high, 2.0)}
    parts = {
        name: np.flatnonzero((value >= bounds[name][0]) & (value < bounds[name][1]))
        for name in shares
    }
    parts["train"] = np.flatnonzero((value >= low) & (value < high))
    return parts


def _hash(index: np.ndarray) -> np.ndarray:
    """Mix 64-bit integers with the finaliser of SplitMix64."""
    z = index * np.uint64(0x9E3779B97F4A7C15) + np.uint64(_SALT)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).astype("float64")
