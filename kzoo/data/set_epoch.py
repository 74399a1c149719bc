"""A callback that ties the order of the data to the epoch that `fit` counts."""

import keras


class SetEpoch(keras.callbacks.Callback):
    """Set the epoch of the data to that of `fit` when an epoch begins.

    Data counts its own passes, which is all that a plain `fit` needs. With
    `initial_epoch`, or on data of one or two batches, the count of `fit` is the one
    to go by.

    Args:
        data: What `kzoo.data.load` or `kzoo.data.batches` returned.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> train = kzoo.data.load("demo:reviews", "train", model)  # doctest: +SKIP
        >>> model.fit(
        ...     train, initial_epoch=3, epochs=5, callbacks=[SetEpoch(train)]
        ... )  # doctest: +SKIP
    """

    def __init__(self, data) -> None:
        super().__init__()
        if not hasattr(data, "batches"):
            raise ValueError(
                "SetEpoch takes what kzoo.data.load or kzoo.data.batches returned. "
                f"Received: data of type {type(data).__name__}. "
                "Pass the data set itself, not one that was mapped or repeated."
            )
        self.order = data.batches.order

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Take the order of this epoch."""
        self.order.epoch = epoch
