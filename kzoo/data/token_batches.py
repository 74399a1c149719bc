"""Padded batches of tokenised texts, by epoch and step."""

import dataclasses
import hashlib

import numpy as np

from kzoo.data.order import BatchOrder
from kzoo.data.token_rows import TokenRows


@dataclasses.dataclass(frozen=True)
class ArraySpec:
    """The type of an array and the sizes of its axes, None where they vary."""

    dtype: str
    shape: tuple[int | None, ...]


class TokenBatches:
    """The batches that a model trains on, as NumPy arrays, for any backend.

    A batch is as wide as its longest row, rounded up as `round_up` does, and never
    wider than `max_length`, so that a backend which compiles for each shape sees few:
    for 128, 512 and 2,048 tokens at most 12, 20 and 28 widths, and one more shape
    where the last batch is smaller.

    Args:
        rows: The token ids of n texts.
        order: Which of them form which batch.
        labels: (n,) int32, or `None` for texts to predict on.
        weights: (n,) float32 sample weights, or `None`.
        label_names: The name of each class.
        pad_id: The id after a row's end.
        max_length: The widest batch, or `None` for that of the longest row.
        length_multiple: What widths are rounded up to; `None` is finer for short
            texts than for long ones.
        notes: What reading and tokenising had to say.

    Raises:
        ValueError: If `length_multiple` is below 1.

    Example:
        >>> rows = TokenRows(np.array([2, 7, 3, 2, 3]), np.array([0, 3, 5]))
        >>> order = BatchOrder(rows.lengths, 2, shuffle=False)
        >>> batches = TokenBatches(rows, order, labels=np.array([1, 0]), max_length=8)
        >>> inputs, labels = batches.batch(epoch=0, step=0)
        >>> inputs["token_ids"].shape, labels.tolist()
        ((2, 8), [1, 0])
    """

    def __init__(
        self,
        rows: TokenRows,
        order: BatchOrder,
        *,
        labels: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        label_names: tuple[str, ...] = (),
        pad_id: int = 0,
        max_length: int | None = None,
        length_multiple: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        if length_multiple is not None and length_multiple < 1:
            raise ValueError(
                "Widths are rounded up to a positive multiple. "
                f"Received: length_multiple={length_multiple}."
            )
        self.rows = rows
        self.order = order
        self.labels = labels
        self.weights = weights
        self.label_names = label_names
        self.pad_id = pad_id
        self.max_length = max_length
        self.length_multiple = length_multiple
        self.notes = notes

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.order)

    @property
    def has_segments(self) -> bool:
        """Whether inputs have `segment_ids`: the texts are pairs."""
        return self.rows.flat_segments is not None

    @property
    def layout(self) -> tuple:
        """What a batch consists of: `ArraySpec` in place of each array."""
        inputs = {
            "token_ids": ArraySpec("int32", (None, None)),
            "padding_mask": ArraySpec("bool", (None, None)),
        }
        if self.has_segments:
            inputs["segment_ids"] = ArraySpec("int32", (None, None))
        labels = () if self.labels is None else (ArraySpec("int32", (None,)),)
        weights = () if self.weights is None else (ArraySpec("float32", (None,)),)
        return (inputs, *labels, *weights)

    def width(self, positions: np.ndarray) -> int:
        """Return T of the batch of the examples at `positions`."""
        longest = max(1, int(self.rows.lengths[positions].max()))
        width = round_up(longest, self.length_multiple)
        return width if self.max_length is None else min(width, self.max_length)

    def batch(self, epoch: int, step: int, share=None) -> tuple:
        """Return one batch, ready for a model.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0.
            share: What to keep of its rows, as `kzoo.training.distribution.Share`;
                None for all. They are as wide as the whole batch.

        Returns:
            `(inputs, labels, weights)` without those there are none of: a dict of
            arrays as `TokenRows.padded` gives them, int32 (B,) and float32 (B,).
        """
        positions = self.order.batch(epoch, step)
        width = self.width(positions)
        if share is not None:
            positions = positions[share.rows(len(positions))]
        inputs = self.rows.padded(positions, width, self.pad_id)
        parts = [part for part in (self.labels, self.weights) if part is not None]
        return (inputs, *(part[positions] for part in parts))

    def shapes(self, epoch: int = 0) -> list[tuple[int, int]]:
        """Return (B, T) of every batch of an epoch."""
        return [(len(p), self.width(p)) for p in self.order.batches(epoch)]

    def padding_share(self, epoch: int = 0) -> float:
        """Return the share of an epoch's positions that hold no token."""
        cells = sum(b * t for b, t in self.shapes(epoch))
        batches = self.order.batches(epoch)
        tokens = sum(int(self.rows.lengths[p].sum()) for p in batches)
        return 1.0 - tokens / cells

    def fingerprint(self, epoch: int = 0) -> str:
        """Return the sha256 of every array of an epoch's batches, in order."""
        digest = hashlib.sha256()
        for step in range(len(self)):
            update_digest(digest, self.batch(epoch, step))
        return digest.hexdigest()


def round_up(length: int, multiple: int | None = None) -> int:
    """Return the width that a batch of texts up to `length` is padded to.

    Args:
        length: The longest of them, 1 or more.
        multiple: What to round up to. `None`: to 8 up to 64 tokens, to 16 up to 128,
            to 32 up to 256 and so on: four widths for each doubling.

    Returns:
        The width.

    Example:
        >>> [round_up(length) for length in (3, 17, 65, 300)]
        [8, 24, 80, 320]
        >>> round_up(17, 32)
        32
    """
    step = multiple or max(8, (1 << (length - 1).bit_length()) // 8)
    return -(-length // step) * step


def update_digest(digest, batch: tuple) -> None:
    """Feed a batch of NumPy arrays into a hash, names, types and shapes included.

    Args:
        digest: A `hashlib` object.
        batch: `(inputs, ...)` as `TokenBatches.batch` returns it.
    """
    inputs, *rest = batch
    named = [*sorted(inputs.items()), *((str(i), part) for i, part in enumerate(rest))]
    for name, part in named:
        part = np.ascontiguousarray(part)
        digest.update(f"{name} {part.dtype} {part.shape};".encode())
        digest.update(part.tobytes())
