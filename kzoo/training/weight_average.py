"""The mean of the weights that a training passed through last."""

import collections
import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from kzoo.errors import InputError
from kzoo.training.checkpoints.host import host_view
from kzoo.training.step_count import due, steps_of


class AverageWeights(keras.callbacks.Callback):
    """Keep the last weights of a training, for their mean.

    ```
    mean = 1 / k * sum_{i = n - k + 1}^{n} weights_i
    ```

    over the ends of the last k epochs, or over every so many steps. A mean of the
    last few is often better than each of them, most of all where the learning rate
    does not fall to nothing. The training itself goes on from its own weights.

    The weights are kept in the machine's memory, k copies of what trains.

    Args:
        last: k.
        every_steps: Take the weights after every so many steps; None takes them at
            the end of each epoch.

    Attributes:
        count: How many are kept so far, at most k.

    Raises:
        InputError: If a number is not positive.

    Example:
        >>> average = AverageWeights(last=5)
        >>> model.fit(train, callbacks=[average])  # doctest: +SKIP
        >>> with average.applied():                # doctest: +SKIP
        ...     model.save_to_preset("averaged")

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 6.1; Popel and Bojar 2018,
        arXiv:1804.00247, section 4.10.
    """

    def __init__(self, last: int = 5, every_steps: int | None = None) -> None:
        super().__init__()
        if last < 1 or (every_steps is not None and every_steps < 1):
            raise InputError(
                "A mean is one of the last weights, one or more.",
                f"last={last}, every_steps={every_steps}",
                "Pass positive numbers.",
            )
        self.last = last
        self.every_steps = every_steps
        self.steps = 0
        self._kept: collections.deque[list[np.ndarray]] = collections.deque(maxlen=last)

    @property
    def count(self) -> int:
        """How many weights the mean would be of."""
        return len(self._kept)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget what another training left."""
        self.steps = 0
        self._kept.clear()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Take the weights if it is the turn of this step."""
        taken = steps_of(self, batch)
        self.steps += taken
        if due(self.steps, taken, self.every_steps or 0):
            self._take()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Take the weights of the epoch."""
        if self.every_steps is None:
            self._take()

    def _take(self) -> None:
        self._kept.append(_values(self.model))

    def state_dict(self) -> dict:
        """Return the steps and the weights so far, for a checkpoint."""
        return {"steps": self.steps, "kept": [list(values) for values in self._kept]}

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned."""
        self.steps = state["steps"]
        self._kept = collections.deque(state["kept"], maxlen=self.last)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the mean for a while, and its own weights afterwards.

        Raises:
            InputError: If no weights were taken yet.
        """
        if not self._kept:
            raise InputError(
                "A mean is one of weights that were taken.",
                "no epoch that ended"
                if self.every_steps is None
                else f"{self.steps} steps, every_steps={self.every_steps}",
                "Train longer.",
            )
        own = _values(self.model)
        _assign(self.model, self._mean())
        try:
            yield
        finally:
            _assign(self.model, own)

    def _mean(self) -> Iterator[np.ndarray]:
        for values in zip(*self._kept, strict=True):
            total = np.zeros(values[0].shape, "float64")
            for value in values:
                total += value
            yield (total / len(values)).astype(values[0].dtype)


def _values(model: keras.Model) -> list[np.ndarray]:
    # Copies: on torch the arrays are views of what trains on.
    copies = [np.array(host_view(variable)) for variable in model.trainable_variables]
    for array in copies:
        array.flags.writeable = False  # so a checkpoint needs no copy of its own
    return copies


def _assign(model: keras.Model, values) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
