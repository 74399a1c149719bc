"""Losses of a share of a batch, such that they add up to the loss of the batch."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops, tree
from keras.src.backend import get_keras_mask  # not an attribute on every backend

from kzoo.errors import InputError

_SUMS = ("sum", "none", None)
_STATE = threading.local()  # replicas of one process are traced in threads


@dataclasses.dataclass
class ShareWeights:
    """The weight of some rows among those of the global batch.

    Args:
        rows: How many rows there are, a scalar.
        start: How many rows of the global batch come before these, a scalar.
        total: B, how many it has, a scalar.
        known: By the id of an array of the rows' weights as `fit` has them, its sum,
            and that over the global batch.
        replicas: By how many Keras divides losses.
        add: Returns the sums over the global batch of a list of sums over these rows;
            None where other rows are computed behind these.
        losses: What layers added to the loss of these rows; None for what they tell.
    """

    rows: Any
    start: Any
    total: Any
    known: dict[int, tuple]
    replicas: int = 1
    add: Callable[[list], list] | None = None
    losses: list | None = None

    def of(self, loss, y_pred, sample_weight):
        """Return the share that a loss of these rows has in that of the batch.

        Args:
            loss: What was compiled, a `keras.losses.Loss` or a function.
            y_pred: The outputs of these rows.
            sample_weight: Their weights, or None.

        Raises:
            InputError: If outputs have a mask and more rows are to come.
        """
        reduction = getattr(loss, "reduction", "sum_over_batch_size")
        mask = get_keras_mask(y_pred)
        weighted = reduction == "mean_with_sample_weight" and sample_weight is not None
        if mask is not None:
            counted = ops.cast(mask, "float32")
            if weighted:
                weights = ops.cast(sample_weight, "float32")
                missing = len(counted.shape) - len(weights.shape)
                shape = (*ops.shape(weights), *[1] * missing)
                counted = counted * ops.reshape(weights, shape)
            own = ops.sum(counted)
            if self.add is None:
                raise InputError(
                    "A micro-batch counts by what the whole batch weighs, which masks "
                    "of outputs tell when all of it is computed.",
                    f"outputs with a Keras mask and {type(loss).__name__}",
                    "Pass sample_weight in place of masks, or no micro-batches.",
                )
            (whole,) = self.add([own])
        elif weighted:
            own, whole = self.known[id(sample_weight)]
        else:  # as many values for every row
            own, whole = self.rows, self.total
        return ops.divide_no_nan(ops.cast(own, "float32"), ops.cast(whole, "float32"))


@dataclasses.dataclass
class Part:
    """Rows of a batch that are computed together, and what they weigh in it.

    Args:
        x: Inputs.
        y: Targets.
        sample_weight: Weights as `fit` has them, or None.
        weights: What the rows weigh.
        last: Whether no more rows of the batch are computed here behind these.
    """

    x: Any
    y: Any
    sample_weight: Any
    weights: ShareWeights
    last: bool = True


def sums_of_weights(sample_weight) -> list:
    """Return the sum of each array of weights that some rows have, float32."""
    return [ops.sum(ops.cast(part, "float32")) for part in _given(sample_weight)]


def known_sums(sample_weight, own: list, whole: list) -> dict[int, tuple]:
    """Return what `ShareWeights` knows of weights.

    Args:
        sample_weight: Those of the rows, as `fit` has them, or None.
        own: The sum of each array of them.
        whole: The sums over the global batch.
    """
    pairs = zip(own, whole, strict=True)
    return dict(zip(map(id, _given(sample_weight)), pairs, strict=True))


def _given(sample_weight) -> list:
    return [part for part in tree.flatten(sample_weight) if part is not None]


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
        weights = current()
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
    before = current()
    _STATE.weights = weights
    try:
        yield
    finally:
        _STATE.weights = before


def current() -> ShareWeights | None:
    """Return what `weighing` said, or None where a batch is computed whole."""
    return getattr(_STATE, "weights", None)


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
