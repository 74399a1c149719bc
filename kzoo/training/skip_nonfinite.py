"""Skipping steps that are lost, and ending a training that has lost too many."""

import contextlib
import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from kzoo.errors import InputError
from kzoo.files import replacing
from kzoo.training.callback_list import StepLogs
from kzoo.training.distribution.jax_devices import distribution_of
from kzoo.training.finite_steps import FiniteStep
from kzoo.training.learning_rate import learning_rate_of
from kzoo.training.skipped_steps import SkippedSteps
from kzoo.training.step_count import beyond, steps_of


class SkipNonFinite(keras.callbacks.Callback):
    """Skip steps whose loss or gradients are not finite; stop after some in a row.

    A skipped step leaves no trace in weights, optimizer, averages and metrics (see
    `FiniteStep`), and is counted: logs have `skipped_steps`, of the epoch. So one bad
    batch costs that batch, and a training that is really lost still ends.

    Works with any Keras model whose step is compiled or not, on every backend, with
    `steps_per_execution` and loss scaling. It is set up once, when `fit` begins.

    Args:
        in_a_row: Steps lost one behind the other that end the training.
        folder: Where the last lost batch is written, as
            `nonfinite-epoch-E-step-S.npz`; None for nowhere.
        data: The data that `fit` trains on, for that batch: what `kzoo.data.load`
            returned. Place this callback behind `SetEpoch`.

    Raises:
        InputError: If `in_a_row` is not positive, or the model has metrics of its own
            making only.

    Example:
        >>> SkipNonFinite(in_a_row=5).in_a_row
        5
    """

    def __init__(
        self,
        in_a_row: int = 3,
        folder: str | os.PathLike | None = None,
        data=None,
    ) -> None:
        super().__init__()
        if in_a_row < 1:
            raise InputError(
                "A training ends after one lost step or more.",
                f"in_a_row={in_a_row}",
                "Pass 1 to end it at the first.",
            )
        self.in_a_row = in_a_row
        self.folder = None if folder is None else pathlib.Path(folder)
        self.data = data
        self.skipped = 0  # in all epochs
        self.steps = 0
        self._of_epoch = 0
        self._epoch = self._data_epoch = 0
        self._unseen: Mapping | None = None  # logs of the last step
        self._losing = False  # whether the last step that was looked at was lost

    def set_model(self, model: keras.Model) -> None:
        """Have the model's steps leave no trace where they are lost."""
        super().set_model(model)
        if not isinstance(model.train_step, FiniteStep):
            with _scope(model):
                counter = SkippedSteps()
            model._metrics.append(counter)  # `model.x = counter` would be saved
            if not any(metric is counter for metric in model.metrics):
                raise InputError(
                    "Lost steps are counted in a metric of the model.",
                    f"{type(model).__name__}, whose `metrics` leaves out what it has",
                    "Have it return super().metrics as well.",
                )
            model.train_step = FiniteStep(model, counter)
            model.train_function = None  # trace it anew
        model.train_step.forget_layers()
        self._counter = model.train_step.skipped

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Note the epoch, as `fit` and as the data count it."""
        self._epoch, self._of_epoch, self._last = epoch, 0, -1
        self._unseen = None
        order = getattr(getattr(self.data, "batches", None), "order", None)
        self._data_epoch = getattr(order, "epoch", epoch)

    def on_train_begin(self, logs: Mapping | None = None) -> None:
        """Look at the first step at once: one before it may have been lost."""
        self._losing, self._unseen = True, None

    def on_train_batch_begin(self, batch: int, logs: Mapping | None = None) -> None:
        """Note what is counted already, where an epoch is taken up in its middle."""
        if self._last < 0 and self._unseen is None:
            self._of_epoch = self._counter.read()["skipped"]

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Look whether steps were lost, in the logs: nothing is asked of the device.

        Logs that would have it wait (`StepLogs`) are looked at behind the next step,
        while none is lost.

        Raises:
            FloatingPointError: If too many were, one behind the other.
        """
        self.steps += batch - self._last - beyond(self, batch)
        self._last = batch
        before, self._unseen = self._unseen, logs
        late = isinstance(logs, StepLogs) and not logs.known
        if late and self.in_a_row > steps_of(self) and not self._losing:
            if not self._lost_since(before):
                return
        self._look()

    def _look(self) -> None:
        """Count what was lost up to the last step, and end the training if need be."""
        logs, self._unseen = self._unseen, None
        if logs is None:
            return
        self._losing = self._lost_since(logs)
        if not self._losing:
            return
        skipped = int(logs[self._counter.name])
        self.skipped += skipped - self._of_epoch
        self._of_epoch = skipped
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        counts = self._counter.read()
        if counts["in_a_row"] >= self.in_a_row:
            raise FloatingPointError(self._message(counts))

    def _lost_since(self, logs: Mapping | None) -> bool:
        """Return whether the logs of a step count more lost steps than are known."""
        if logs is None:
            return False
        count = int(logs.get(self._counter.name, 0))
        # Whoever evaluates in the middle of an epoch has metrics count anew.
        self._of_epoch = min(self._of_epoch, count)
        return count > self._of_epoch

    def on_test_begin(self, logs: Mapping | None = None) -> None:
        """Look at the last step, before a validation forgets which one it was."""
        self._look()

    def on_epoch_end(self, epoch: int, logs: Mapping | None = None) -> None:
        """Look at the last step, where there is no validation."""
        self._look()

    def state_dict(self) -> dict[str, int]:
        """Return what a checkpoint holds beside the model's own counts."""
        self._look()
        return {"skipped": self.skipped, "steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up the state of a checkpoint."""
        self.skipped, self.steps = state["skipped"], state["steps"]
        self._unseen = None

    def _message(self, counts: dict[str, int]) -> str:
        rate = learning_rate_of(self.model.optimizer, self.steps - 1)
        step, epoch = counts["last"] + 1, self._epoch + 1
        row = counts["in_a_row"]
        steps = "1 step" if row == 1 else f"{row} steps in a row"
        return (
            "The loss of a step must be finite, its gradients and their norm. "
            f"Received: {steps} where they were not, the last one step {step} of "
            f"epoch {epoch}, learning_rate={rate:.3g}. "
            f"{self._kept(counts['last'])}"
            "Lower the learning rate, warm up longer, or clip gradients."
        )

    def _kept(self, step: int) -> str:
        """Write the batch of a step, and return how to look at it."""
        batches = getattr(self.data, "batches", None)
        if self.folder is None or batches is None:
            return ""
        name = f"nonfinite-epoch-{self._epoch + 1}-step-{step + 1}.npz"
        arrays = _named("batch", batches.batch(self._data_epoch, step))
        with replacing(self.folder / name) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        path = self.folder / name
        return (
            f'Its batch is in {path}: python -c "import numpy as np; b = '
            f"np.load('{path}'); print({{k: (b[k].shape, b[k].min(), b[k].max()) for "
            'k in b})" shows it. '
        )


def _scope(model):
    """Return the scope that a model's variables are made in, within `fit` or not."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return model.distribute_strategy.scope()
    if backend == "jax" and (found := distribution_of(model)) is not None:
        return found.scope()
    return contextlib.nullcontext()


def _named(name: str, part) -> dict[str, np.ndarray]:
    """Return the arrays of a batch by their places in it, as `batch.0.token_ids`."""
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, list | tuple):
        items = enumerate(part)
    else:
        return {name: np.asarray(part)}
    named = {}
    for key, value in items:
        named.update(_named(f"{name}.{key}", value))
    return named
