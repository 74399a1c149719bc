"""Rows of tokens and the tokens that follow them, as a language model trains on."""

import hashlib
import itertools

import numpy as np

from kzoo.data.block_order import BlockOrder
from kzoo.data.token_batches import update_digest
from kzoo.data.token_stream import TokenStream

# Rows are gathered for so many tokens at once, not step by step: small models take
# steps that are not much longer than a few calls of NumPy with cold caches.
_TOKENS = 1 << 15


class PackedBatches:
    """Blocks of a token stream as batches, NumPy arrays for any backend.

    Rows are filled to the end: documents are packed one behind the other, and no
    position is padding but behind the stream's own end.

    Args:
        stream: The tokens.
        order: Which blocks form which batch.
        segments: Whether inputs have `segment_ids`, by which a token sees its own
            document only. The last token of a document then has no target.
        pad_id: What stands in `token_ids` behind the stream's end.
        padding_mask: Whether inputs have `padding_mask`. A causal model does without:
            padding stands behind the stream's end, where no real token sees it.
        notes: What reading had to say.

    Example:
        >>> stream = TokenStream(np.arange(9, dtype="uint16"), np.array([[0, 9, 9]]))
        >>> order = BlockOrder(9, sequence_length=3, batch_size=2, shuffle=False)
        >>> inputs, labels, weights = PackedBatches(stream, order).batch(0, 1)
        >>> inputs["token_ids"].tolist(), labels.tolist(), weights.tolist()
        ([[6, 7, 8]], [[7, 8, 0]], [[1.0, 1.0, 0.0]])
    """

    def __init__(
        self,
        stream: TokenStream,
        order: BlockOrder,
        *,
        segments: bool = False,
        pad_id: int = 0,
        padding_mask: bool = True,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.stream = stream
        self.order = order
        self.has_segments = segments
        self.pad_id = pad_id
        self.has_padding_mask = padding_mask
        self.notes = notes
        self._offsets = np.arange(order.sequence_length + 1)
        self._ahead: tuple | None = None  # epoch, step, and batches from there on

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.order)

    @property
    def sequence_length(self) -> int:
        """T, the tokens of a row."""
        return self.order.sequence_length

    def windows(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return blocks and the token after each.

        Args:
            starts: Start positions, of any shape.

        Returns:
            Token ids, int32 (..., T + 1), -1 behind the stream's end; and the
            document of each, int32 of the same shape, counted from the row's first
            one, or None without segments.
        """
        positions = np.asarray(starts)[..., None] + self._offsets
        size = len(self.stream)
        tokens = self.stream.tokens
        last = int(positions.max(initial=0))
        if last < size:
            ids = tokens[positions].astype("int32")
        else:
            ids = tokens[np.minimum(positions, size - 1)].astype("int32")
            ids[positions >= size] = -1
        if not self.has_segments:
            return ids, None
        firsts = self.stream.documents[:, 0]
        numbers = np.searchsorted(firsts, positions, side="right").astype("int32")
        return ids, numbers - numbers[..., :1]

    def batch(self, epoch: int, step: int, share=None) -> tuple:
        """Return one batch, ready for a model.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0.
            share: What to keep of its rows, as `kzoo.training.distribution.Share`;
                None for all. They are as wide as the whole batch.

        Returns:
            `(inputs, labels, weights)`: a dict of `token_ids` (B, T) int32, unless
            left out `padding_mask` (B, T) bool, True = real token, and with segments
            `segment_ids` (B, T) int32; (B, T) int32; (B, T) float32, 0 where nothing
            follows.
        """
        if share is not None:
            starts = self.order.batch(epoch, step)
            return self.rows(starts[share.rows(len(starts))])
        ahead = self._ahead  # read once: a thread that reads ahead may set it
        if ahead is None or ahead[0] != epoch or not 0 <= step - ahead[1] < ahead[2]:
            starts = self.starts_ahead(epoch, step, _TOKENS)
            ahead = self._ahead = (epoch, step, len(starts), self.rows(starts))
        inputs, labels, weights = ahead[3]
        place = step - ahead[1]
        own = {name: part[place].copy() for name, part in inputs.items()}
        return own, labels[place].copy(), weights[place].copy()

    def starts_ahead(self, epoch: int, step: int, tokens: int) -> np.ndarray:
        """Return where the blocks start of a step and of those behind it in an epoch.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0.
            tokens: How many tokens the blocks have at most, those of a step at least.

        Returns:
            (S, B) positions of S steps, which have as many blocks each.
        """
        first = self.order.batch(epoch, step)
        steps = max(1, tokens // (len(first) * self.sequence_length))
        behind = range(step + 1, min(step + steps, len(self)))
        parts = (self.order.batch(epoch, other) for other in behind)
        alike = itertools.takewhile(lambda part: len(part) == len(first), parts)
        return np.stack([first, *alike])

    def rows(self, starts: np.ndarray) -> tuple:
        """Return the blocks at (..., B) start positions, as `batch` does."""
        ids, numbers = self.windows(starts)
        real = ids >= 0
        ids = np.where(real, ids, self.pad_id)
        inputs = {"token_ids": ids[..., :-1]}
        if self.has_padding_mask:
            inputs["padding_mask"] = real[..., :-1]
        follows = real[..., 1:]
        if numbers is not None:
            inputs["segment_ids"] = numbers[..., :-1]
            follows = follows & (numbers[..., 1:] == numbers[..., :-1])
        return inputs, ids[..., 1:], follows.astype("float32")

    def fingerprint(self, epoch: int = 0) -> str:
        """Return the sha256 of every array of an epoch's batches, in order."""
        digest = hashlib.sha256()
        for step in range(len(self)):
            update_digest(digest, self.batch(epoch, step))
        return digest.hexdigest()
