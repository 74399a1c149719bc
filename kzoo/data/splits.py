"""Which split a file is, and how a split that is missing is cut from the rest."""

import hashlib
import re
from collections.abc import Sequence

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
    return _parted(_hash(np.arange(count, dtype="uint64")) / 2.0**64, shares)


def cut_by_text(
    texts: Sequence[str], shares: dict[str, float]
) -> dict[str, np.ndarray]:
    """Part rows as `cut` does, by a hash of each row's text in place of its index.

    Rows of the same text, whatever its case and spacing, fall into the same split.

    Args:
        texts: A text for each row.
        shares: The shares of `validation` and `test` to cut; `train` gets the rest.

    Returns:
        The row indices of each split, ascending.

    Example:
        >>> parts = cut_by_text(["Danke.", "Ja.", "danke."], {"test": 0.5})
        >>> {name: rows.tolist() for name, rows in parts.items()}
        {'test': [0, 2], 'train': [1]}
    """
    salt = str(_SALT).encode()
    keys = (" ".join(text.casefold().split()) for text in texts)
    digests = (
        hashlib.sha256(salt + key.encode("utf-8", "surrogatepass")).digest()
        for key in keys
    )
    heads = b"".join(digest[:8] for digest in digests)
    bits = np.frombuffer(heads, dtype="<u8") >> np.uint64(11)
    return _parted(bits / 2.0**53, shares)


def _parted(value: np.ndarray, shares: dict[str, float]) -> dict[str, np.ndarray]:
    """Part rows by a number in [0, 1) each, as `cut` says."""
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
