"""Where in its data a training stands, and how it is put there again."""

import contextlib
import warnings
from typing import Any

import keras

from kzoo.errors import InputError

_RAN_OUT = "Your input ran out of data"


def order_of(data: Any) -> Any:
    """Return what keeps the place in some data: an object with `epoch` and `start`.

    Args:
        data: What `kzoo.data` returned; or anything that has `epoch` and `start`, as
            attributes that may be set, or an `order` that has, and a length.

    Raises:
        InputError: If it keeps no place.
    """
    for found in (getattr(data, "batches", None), data):
        for order in (getattr(found, "order", None), found):
            if all(hasattr(order, name) for name in ("epoch", "start", "__len__")):
                return order
    raise InputError(
        "A training goes on where it was in data that keeps its place.",
        f"data of type {type(data).__name__}",
        "Pass what kzoo.data returned, or give it epoch, start and a length.",
    )


def first_batch(data: Any) -> Any:
    """Return a batch of some data, for its shapes."""
    batches = getattr(data, "batches", None)
    if hasattr(batches, "batch"):
        return batches.batch(0, 0)
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    return next(iter(data))


class PartialEpoch:
    """The epoch that a training goes on in: from its middle, or from its last step.

    `fit` counts on whole epochs. Data that starts in the middle ends early, of which
    Keras warns: not here. An epoch none of whose steps is left still has its end to
    come, validation and all; as `fit` wants a step before it, it gets one that does
    nothing.

    Args:
        model: The model in `fit`.
        order: What keeps the place in the data.
        start: Steps of it that were taken.
        logs: What the last step returned, if nothing is left but the epoch's end.
    """

    def __init__(self, model, order, start: int, logs: dict | None) -> None:
        self._model = model
        self._function = model.train_function
        self.idle = logs is not None
        # An idle step takes a batch and does not look at it.
        order.start = min(start, len(order) - 1)
        warnings.filterwarnings("ignore", message=_RAN_OUT)
        self._quiet = warnings.filters[0]
        if logs is not None:
            model.train_function = _idle_step(logs)

    def end(self) -> None:
        """Let the epoch end: its last step is done."""
        self.idle = False
        if keras.backend.backend() != "torch":
            # TensorFlow would begin a step before it finds that there is no data for
            # it, and move random states on.
            self._model.train_function = _no_step
            return
        self._model.train_function = self._function
        if not self._model.stop_training:
            # Where all steps were taken, Keras now makes a loader, which draws.
            import torch

            iter(torch.utils.data.DataLoader([0], batch_size=None))

    def close(self) -> None:
        """Let the model train again, and Keras warn."""
        self._model.train_function = self._function
        with contextlib.suppress(ValueError):
            warnings.filters.remove(self._quiet)


def _no_step(*_):
    raise StopIteration


def _idle_step(logs: dict):
    """Return a step of `fit` that does nothing and returns some logs."""

    def on_jax(state, iterator):
        next(iterator)
        return logs, state

    def on_torch(data):
        return logs

    def on_tensorflow(iterator):
        next(iterator)
        return logs

    steps = {"jax": on_jax, "torch": on_torch, "tensorflow": on_tensorflow}
    return steps[keras.backend.backend()]
