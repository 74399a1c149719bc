"""Padded batches of pairs, by epoch and step, as a translator trains on them."""

import hashlib

import numpy as np

from kzoo.data.pair_order import PairOrder
from kzoo.data.pair_tokens import PairTokens
from kzoo.data.token_batches import ArraySpec, update_digest


class TranslationBatches:
    r"""The batches that a translator trains on, as NumPy arrays, for any backend.

    The decoder is taught by forcing: where a target is $y_1 \dots y_n$, with $y_n$ the
    end token, its inputs are the start token and $y_1 \dots y_{n-1}$, its labels
    $y_1 \dots y_n$. Both sides of a batch are as wide as their own longest row,
    rounded up.

    Args:
        tokens: The ids of n pairs.
        order: Which of them form which batch.
        start_id: The decoder's first token.
        pad_id: The id behind a target's end, in inputs and labels.
        source_pad_id: The id behind a source's end; `None` is `pad_id`.

    Example:
        >>> from kzoo.data.token_rows import TokenRows
        >>> rows = TokenRows(np.array([5, 0, 7, 8, 0]), np.array([0, 2, 5]))
        >>> order = PairOrder([2, 3], [2, 3], batch_size=2, shuffle=False)
        >>> batches = TranslationBatches(PairTokens(rows, rows), order, start_id=9)
        >>> inputs, labels, weights = batches.batch(epoch=0, step=0)
        >>> inputs["decoder_token_ids"][:, :4].tolist(), labels[:, :4].tolist()
        ([[9, 7, 8, 0], [9, 5, 0, 0]], [[7, 8, 0, 0], [5, 0, 0, 0]])
        >>> weights[:, :4].tolist()
        [[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """

    # What a batch consists of.
    layout = (
        {
            "encoder_token_ids": ArraySpec("int32", (None, None)),
            "encoder_padding_mask": ArraySpec("bool", (None, None)),
            "decoder_token_ids": ArraySpec("int32", (None, None)),
            "decoder_padding_mask": ArraySpec("bool", (None, None)),
        },
        ArraySpec("int32", (None, None)),
        ArraySpec("float32", (None, None)),
    )

    def __init__(
        self,
        tokens: PairTokens,
        order: PairOrder,
        *,
        start_id: int,
        pad_id: int = 0,
        source_pad_id: int | None = None,
    ) -> None:
        self.tokens = tokens
        self.order = order
        self.start_id = start_id
        self.pad_id = pad_id
        self.source_pad_id = pad_id if source_pad_id is None else source_pad_id
        self.notes = tokens.notes

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.order)

    def batch(self, epoch: int, step: int, share=None) -> tuple:
        """Return one batch, ready for a model.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0.
            share: What to keep of its rows, as `kzoo.training.distribution.Share`;
                None for all. They are as wide as the whole batch.

        Returns:
            `(inputs, labels, weights)`: a dict of `encoder_token_ids` (B, S) int32,
            `encoder_padding_mask` (B, S) bool, `decoder_token_ids` (B, T) int32 and
            `decoder_padding_mask` (B, T) bool, True = real token; (B, T) int32; and
            (B, T) float32, 1 where the label is real.
        """
        rows = self.order.batch(epoch, step)
        width, target_width = self._widths(rows)
        if share is not None:
            rows = rows[share.rows(len(rows))]
        source = self.tokens.sources.padded(rows, width, self.source_pad_id)
        target = self.tokens.targets.padded(rows, target_width, self.pad_id)
        labels, mask = target["token_ids"], target["padding_mask"]
        shifted = np.empty_like(labels)
        shifted[:, 0] = self.start_id
        shifted[:, 1:] = labels[:, :-1]
        inputs = {
            "encoder_token_ids": source["token_ids"],
            "encoder_padding_mask": source["padding_mask"],
            "decoder_token_ids": np.where(mask, shifted, np.int32(self.pad_id)),
            "decoder_padding_mask": mask,
        }
        return inputs, labels, mask.astype("float32")

    def shapes(self, epoch: int = 0) -> list[tuple[int, int, int]]:
        """Return (B, S, T) of every batch of an epoch."""
        rows = [self.order.batch(epoch, step) for step in range(len(self))]
        return [(len(some), *self._widths(some)) for some in rows]

    def padding_share(self, epoch: int = 0) -> float:
        """Return the share of an epoch's positions, of both sides, without a token."""
        cells = sum(b * (s + t) for b, s, t in self.shapes(epoch))
        tokens = 0
        for step in range(len(self)):
            rows = self.order.batch(epoch, step)
            tokens += int(self.order.source_lengths[rows].sum())
            tokens += int(self.order.target_lengths[rows].sum())
        return 1.0 - tokens / cells

    @property
    def target_tokens(self) -> float:
        """How many real labels an epoch has; their mean with `steps_per_epoch`."""
        order = self.order
        if not order.steps_per_pass:
            return 0
        rows = np.concatenate(order.batches(0))
        count = int(order.target_lengths[rows].sum())
        return count * len(order) / order.steps_per_pass

    def fingerprint(self, epoch: int = 0) -> str:
        """Return the sha256 of every array of an epoch's batches, in order."""
        digest = hashlib.sha256()
        for step in range(len(self)):
            update_digest(digest, self.batch(epoch, step))
        return digest.hexdigest()

    def _widths(self, rows: np.ndarray) -> tuple[int, int]:
        order = self.order
        return (
            order.width(int(order.source_lengths[rows].max())),
            order.width(int(order.target_lengths[rows].max())),
        )
