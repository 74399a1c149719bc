"""Token batches as a `keras.utils.PyDataset`, for JAX and PyTorch."""

import keras

from kzoo.data.token_batches import TokenBatches


class TokenDataset(keras.utils.PyDataset):
    """Batches by their step in the current epoch.

    The epoch is `batches.order.epoch`. It moves on when an epoch ends of which the
    last batch was handed out: Keras also ends epochs that it only looked into.

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

    def __init__(self, batches: TokenBatches) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batches = batches
        self._complete = False

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple:
        """Return the batch of one step of the current epoch."""
        batch = self.batches.batch(self.batches.order.epoch, index)
        self._complete = index == len(self) - 1
        return batch

    def __iter__(self):
        """Pass over one epoch by hand; its end moves the epoch on."""
        order = self.batches.order
        epoch = order.epoch
        for step in range(len(self)):
            batch = self.batches.batch(epoch, step)
            if step == len(self) - 1:
                order.epoch = epoch + 1
            yield batch

    def on_epoch_end(self) -> None:
        """Move on to the next epoch if this one was seen to its end."""
        if self._complete:
            self.batches.order.epoch += 1
        self._complete = False
