"""What an epoch took: seconds, examples per second, the learning rate."""

import time

import keras

from kzoo.training.learning_rate import learning_rate_of


class ThroughputLog(keras.callbacks.Callback):
    """Add `seconds`, `examples_per_second` and `learning_rate` to an epoch's logs.

    Callbacks after this one find them among the logs. The rate is that of training
    steps: validation is left out, and so is the first step of all, which compiles.
    `seconds` is the whole epoch.

    Args:
        batch_size: Examples of a step.
        examples: Examples of an epoch, where the last batch may be smaller.
        tokens: Tokens of an example; the rate is then `tokens_per_second`.

    Raises:
        ValueError: If the batch size is not positive.

    Example:
        >>> log = ThroughputLog(batch_size=32, examples=1000)
        >>> log.steps
        0
    """

    def __init__(
        self,
        batch_size: int,
        examples: int | None = None,
        tokens: int | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(
                f"A batch has one example or more. Received: batch_size={batch_size}."
            )
        self.batch_size = batch_size
        self.examples = examples
        self.tokens = tokens
        self.steps = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clocks."""
        self._began = self._mark = self._last = time.perf_counter()
        self._seen = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count the step; the first one of all restarts the clock."""
        self._last = time.perf_counter()
        if self.steps == 0:
            self._mark = self._last
        else:
            self._seen += self.batch_size
        self.steps += 1
        if self.examples and batch + 1 == self.params.get("steps"):
            missing = (batch + 1) * self.batch_size - self.examples
            self._seen = max(self._seen - missing, 0)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add the figures to the logs."""
        if logs is None:
            return
        logs["seconds"] = time.perf_counter() - self._began
        elapsed = self._last - self._mark
        rate = self._seen / elapsed if elapsed > 0 else 0.0
        if self.tokens is None:
            logs["examples_per_second"] = rate
        else:
            logs["tokens_per_second"] = rate * self.tokens
        logs["learning_rate"] = learning_rate_of(
            self.model.optimizer, max(self.steps - 1, 0)
        )
