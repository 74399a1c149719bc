"""Ending a training whose loss is lost."""

import math

import keras

from kzoo.training.learning_rate import learning_rate_of


class RequireFiniteLoss(keras.callbacks.Callback):
    """Raise as soon as the loss is infinite or no number.

    What was saved before stays as it is.

    Example:
        >>> RequireFiniteLoss().on_train_batch_end(0, {"loss": 0.7})
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Look at the loss of the step.

        Raises:
            FloatingPointError: If it is not finite.
        """
        self.steps += 1
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            rate = learning_rate_of(self.model.optimizer, self.steps - 1)
            raise FloatingPointError(
                "The loss of a step must be finite. "
                f"Received: loss={loss} at step {self.steps}, "
                f"learning_rate={rate:.3g}. "
                "Lower the learning rate, warm up longer, or clip gradients."
            )
