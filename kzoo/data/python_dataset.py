"""Token batches as a `keras.utils.PyDataset`, for JAX and PyTorch."""

import keras

from kzoo.data.packed_batches import PackedBatches
from kzoo.data.token_batches import TokenBatches
from kzoo.data.translation_batches import TranslationBatches


class TokenDataset(keras.utils.PyDataset):
    """Batches by their step in the current epoch, `batches.order.epoch`.

    The order is that of `BatchOrder` and no other: within `fit`, which shuffles the
    indices it asks for unless told `shuffle=False`, the batches are handed out in
    their order whatever index is asked for, from `batches.order.start` on. The epoch
    moves on when Keras ends one whose last batch was handed out: it also ends epochs
    that it only looked into.

    Args:
        batches: The batches.

    Example:
        >>> import numpy as np
        >>> from kzoo.data.order import BatchOrder
        >>> from kzoo.data.token_rows import TokenRows
        >>> rows = TokenRows(np.array([2, 7, 3, 2, 3]), np.array([0, 3, 5]))
        >>> order = BatchOrder(rows.lengths, batch_size=1)
        >>> len(TokenDataset(TokenBatches(rows, order)))
        2
    """

    def __init__(
        self, batches: TokenBatches | PackedBatches | TranslationBatches
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batches = batches
        self._in_epoch = False
        self._at_start = False  # no batch of this epoch was handed out yet
        self._served = 0  # batches since the epoch began
        self._asked: int | None = None  # the index asked for last
        self._step = -1  # the step handed out last

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def num_batches(self) -> int:
        """How many batches a pass hands out: fewer where one begins in its middle."""
        # Before an epoch begins Keras asks for what every epoch has.
        return len(self) - (self.batches.order.start if self._in_epoch else 0)

    def __getitem__(self, index: int) -> tuple:
        """Return a batch of the current epoch: that of a step, or in `fit` the next."""
        step = self._next_step(index) if self._in_epoch else index
        return self.batches.batch(self.batches.order.epoch, step)

    def _next_step(self, index: int) -> int:
        # With `steps_per_epoch` an epoch goes on where the last one stopped.
        goes_on = self._asked is not None and index == self._asked + 1
        if self._at_start and not goes_on:
            self._step = self.batches.order.start - 1
        self._at_start = False
        self._asked = index
        self._served += 1
        self._step = (self._step + 1) % len(self)
        return self._step

    def __iter__(self):
        """Pass over one epoch by hand; its end moves the epoch on."""
        order = self.batches.order
        epoch = order.epoch
        for step in range(order.start, len(self)):
            batch = self.batches.batch(epoch, step)
            if step == len(self) - 1:
                order.epoch, order.start = epoch + 1, 0
            yield batch

    def on_epoch_begin(self) -> None:
        """Start counting."""
        self._in_epoch = self._at_start = True
        self._served = 0

    def on_epoch_end(self) -> None:
        """Move on to the next epoch if this one was seen to its end."""
        if self._in_epoch and self._served and self._step == len(self) - 1:
            self.batches.order.epoch += 1
            self.batches.order.start = 0
            self._asked = None
        elif self._served <= 2:  # Keras looked in, on an accelerator one ahead
            self._asked = None
        self._in_epoch = False
