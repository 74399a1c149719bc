"""Keeping the best weights of a training in its run folder."""

import math
from collections.abc import Callable

import keras

from kzoo.errors import InputError
from kzoo.training.direction import direction


class BestPreset(keras.callbacks.Callback):
    """Call a function that saves the model after every epoch that is the best so far.

    With a function that writes each file whole or not at all, such as
    `model.save_to_preset(folder)`, the folder can be opened at any time from the
    first epoch on.

    Args:
        save: Called without arguments; it saves the model as it is.
        monitor: The name of the value to compare, such as `"val_loss"`; None saves
            after every epoch. Values that are not finite are never the best.
        mode: `"min"`, `"max"`, or `"auto"`: the greatest of an accuracy and the like,
            the least of anything else.

    Attributes:
        best: The best value so far, or None.
        best_epoch: Its epoch, from 1, or None while nothing is saved.
        best_logs: All that the epoch ended with.

    Raises:
        InputError: If the mode is unknown, or an epoch has no such value.

    Example:
        >>> keeper = BestPreset(lambda: None, monitor="val_accuracy")
        >>> keeper.mode
        'max'
    """

    def __init__(
        self, save: Callable[[], None], monitor: str | None, mode: str = "auto"
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise InputError(
                "The best is the least or the greatest.",
                f"mode={mode!r}",
                "Pass 'auto', 'min' or 'max'.",
            )
        if mode == "auto":
            mode = direction(monitor)
        self.save = save
        self.monitor = monitor
        self.mode = mode
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.best_logs: dict[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save if this epoch is the best."""
        value = self._value(logs or {})
        if value is not None:
            if not self.is_better(value):
                return
            self.best = value
        self.save()
        self.best_epoch = epoch + 1
        self.best_logs = {name: float(v) for name, v in (logs or {}).items()}

    def _value(self, logs: dict) -> float | None:
        if self.monitor is None:
            return None
        if self.monitor not in logs:
            raise InputError(
                "The value to monitor is one that an epoch ends with.",
                f"monitor={self.monitor!r}",
                f"Known: {', '.join(logs)}.",
            )
        return float(logs[self.monitor])

    def is_better(self, value: float) -> bool:
        """Return whether a value is a number, and better than the best so far."""
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        return value < self.best if self.mode == "min" else value > self.best

    def state_dict(self) -> dict:
        """Return what was the best so far, for a checkpoint."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_logs": self.best_logs,
        }

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.best_logs = state["best_logs"]
