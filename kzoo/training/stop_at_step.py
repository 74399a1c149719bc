"""Ending a training after a number of steps."""

import keras

from kzoo.errors import InputError
from kzoo.training.step_count import steps_of


class StopAtStep(keras.callbacks.Callback):
    """Stop after a number of steps, counted over all epochs of one `fit`.

    The epoch that it falls into ends there, with its validation. Place it before
    `Checkpoints`, which tell it what was taken before a restart.

    Args:
        total_steps: How many steps are taken.

    Raises:
        InputError: If it is not positive.

    Example:
        >>> StopAtStep(300).total_steps
        300
    """

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        if total_steps < 1:
            raise InputError(
                "A training has one step or more.", f"total_steps={total_steps}"
            )
        self.total_steps = total_steps
        self.steps = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Count anew; a checkpoint that is gone on from tells what came before."""
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count, and stop at the last."""
        self.steps += steps_of(self, batch)
        if self.steps >= self.total_steps:
            self.model.stop_training = True

    def state_dict(self) -> dict:
        """Return how many steps were taken, for a checkpoint."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned."""
        self.steps = state["steps"]
