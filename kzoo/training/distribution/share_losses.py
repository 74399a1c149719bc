"""Losses of a share of a batch, such that they add up to the loss of the batch."""

import contextlib
import threading
from collections.abc import Iterator

import keras
from keras import ops, tree

_SUMS = ("sum", "none", None)
_STATE = threading.local()  # replicas of one process are traced in threads


class ShareWeights:
    """The weight of a replica's rows among those of the global batch.

    Args:
        rows: How many rows the replica has, a scalar tensor.
        sample_weight: Their weights as `fit` has them, or None.
        replica: Which of all replicas it is, from 0.
        replicas: R.
        add: Returns the sums over all replicas of a list of tensors.

    Attributes:
        start: How many rows of the global batch come before these, a float32 scalar.
        total: B, how many it has, a float32 scalar.
    """

    def __init__(self, rows, sample_weight, replica: int, replicas: int, add) -> None:
        self.rows = ops.cast(rows, "float32")
        self.replicas = replicas
        self._add = add
        given = [part for part in tree.flatten(sample_weight) if part is not None]
        own = [ops.sum(ops.cast(part, "float32")) for part in given]
        place = ops.cast(ops.arange(replicas) == replica, "float32")
        counts, sums = add([place * self.rows, ops.stack([self.rows, *own])])
        self.start = ops.sum(counts[:replica])
        self.total, *sums = ops.unstack(sums, num=1 + len(given))
        self._known = {
            id(part): (mine, whole)
            for part, mine, whole in zip(given, own, sums, strict=True)
        }

    def of(self, loss, y_pred, sample_weight):
        """Return the share that a loss of these rows has in that of the batch.

        Args:
            loss: What was compiled, a `keras.losses.Loss` or a function.
            y_pred: The outputs of these rows.
            sample_weight: Their weights, or None.
        """
        reduction = getattr(loss, "reduction", "sum_over_batch_size")
        mask = getattr(y_pred, "_keras_mask", None)
        weighted = reduction == "mean_with_sample_weight" and sample_weight is not None
        if mask is not None:
            counted = ops.cast(mask, "float32")
            if weighted:
                weights = ops.cast(sample_weight, "float32")
                missing = len(counted.shape) - len(weights.shape)
                shape = (*ops.shape(weights), *[1] * missing)
                counted = counted * ops.reshape(weights, shape)
            own = ops.sum(counted)
            (whole,) = self._add([own])
        elif weighted:
            own, whole = self._known[id(sample_weight)]
        else:  # as many values for every row
            own, whole = self.rows, self.total
        return ops.divide_no_nan(own, whole)


class LossOfShare:
    """A compiled loss, of which the values of all replicas add up to the global one.

    A mean over a share's rows, tokens or weights is worth as much as the share has of
    the batch's. Keras weighs all replicas alike: where one has fewer real tokens,
    they count more.

    Args:
        loss: The loss as it was compiled.
    """

    def __init__(self, loss) -> None:
        self.loss = loss
        self.name = getattr(loss, "name", None)
        self.reduction = getattr(loss, "reduction", "sum_over_batch_size")

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return this replica's part of the loss of the global batch."""
        value = self.loss(y_true, y_pred, sample_weight)
        if tuple(value.shape) == (0,):
            value = ops.sum(value)  # of no rows Keras makes no sum
        weights = getattr(_STATE, "weights", None)
        if weights is None or self.reduction in _SUMS:
            return value
        share = weights.of(self.loss, y_pred, sample_weight)
        # Keras has divided by the number of replicas.
        return value * ops.cast(share * weights.replicas, value.dtype)


@contextlib.contextmanager
def weighing(weights: ShareWeights) -> Iterator[None]:
    """Let losses that are computed inside be those of a share of a batch.

    Args:
        weights: What the share weighs.
    """
    before = getattr(_STATE, "weights", None)
    _STATE.weights = weights
    try:
        yield
    finally:
        _STATE.weights = before


def share_losses(model: keras.Model) -> None:
    """Put `LossOfShare` in the place of every loss that a model was compiled with.

    Args:
        model: A model whose losses are built.
    """
    compiled = model._compile_loss
    if compiled is None or not compiled.built:
        return
    compiled._flat_losses = [
        part
        if isinstance(part.loss, LossOfShare)
        else part._replace(loss=LossOfShare(part.loss))
        for part in compiled._flat_losses
    ]
