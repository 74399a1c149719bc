"""What an epoch took: seconds, speed, step times, the learning rate."""

import array
import collections
import time

import keras
import numpy as np

from kzoo.training.device_figures import device_names, peak_flops, peak_memory
from kzoo.training.distribution import group
from kzoo.training.input_wait import InputWait
from kzoo.training.learning_rate import learning_rate_of
from kzoo.training.step_count import ends_epoch, steps_of


class ThroughputLog(keras.callbacks.Callback):
    """Add to an epoch's logs how fast it was.

    Callbacks after this one find among the logs:

    - `seconds`, of the whole epoch, and `learning_rate`, of its last step;
    - `examples_per_second`, or with `tokens` `tokens_per_second`: of training steps,
      so without validation and without the first step of `fit`, which compiles;
    - `step_ms_p50`, `step_ms_p90` and `step_ms_p99`: milliseconds that so many per
      cent of the steps stayed below, from one step's end to the next;
    - `input_wait`, the share of that time spent waiting for data (on TensorFlow with
      `SkipNonFinite`, without XLA);
    - `mfu`, the share of the device's greatest speed that went into the model:

      ```
      mfu = tokens_per_second * flops_per_token / peak_flops
      ```
    - `peak_memory_mb`, of this process, and `peak_device_memory_mb`.

    Times are read where `fit` itself is between two steps, or with `CallbackList` where
    it found that a step had ended; no device waits for them.

    Args:
        batch_size: Examples of a step.
        examples: Examples of an epoch, where the last batch may be smaller.
        tokens: Tokens of an example; the rate is then `tokens_per_second`.
        flops_per_token: What a training step computes for a token (for an example,
            without `tokens`): for transformers about 6 N + 12 L H Q T, of N weights,
            L layers with H heads of width Q, and T tokens in a row.
        peak_flops: What all devices compute at most per second; None looks it up for
            one known GPU in half precision.

    Attributes:
        figures: The timings of the last epoch.

    Raises:
        ValueError: If the batch size is not positive.

    Example:
        >>> log = ThroughputLog(batch_size=32, examples=1000)
        >>> log.steps
        0

    Reference:
        Chowdhery et al. 2022, arXiv:2204.02311, appendix B, for MFU.
    """

    def __init__(
        self,
        batch_size: int,
        examples: int | None = None,
        tokens: float | None = None,
        *,
        flops_per_token: float | None = None,
        peak_flops: float | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(
                f"A batch has one example or more. Received: batch_size={batch_size}."
            )
        self.batch_size = batch_size
        self.examples = examples
        self.tokens = tokens
        self.flops_per_token = flops_per_token
        self.peak_flops = peak_flops
        self.steps = 0
        self.figures: dict[str, float] = {}
        self._wait: InputWait | None = None
        self._warm = False
        self._begun: collections.deque[int] = collections.deque()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Find out what there is to compute with."""
        self._wait, self._warm = InputWait(self.model), False
        self._peak = self.peak_flops
        if self._peak is None and self.flops_per_token:
            policy = getattr(self.model.dtype_policy, "name", "float32")
            names = device_names()
            # Of several devices a training may use one or all, here or elsewhere.
            if len(names) == 1 and group.size() == 1:
                self._peak = peak_flops(names[0], policy)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clocks."""
        self._began = self._mark = self._last = time.perf_counter()
        self._seen = 0
        self._times = array.array("d")
        self._begun.clear()
        if self._wait is not None:
            self._wait.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Note how long the step's data took."""
        if self._wait is not None:
            self._wait.begin_step()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count the steps; the first ones of `fit` restart the clock."""
        now = time.perf_counter()
        taken = steps_of(self, batch)
        self.steps += taken
        if self._wait is not None:
            if not self._warm and not self._begun:
                self._wait.begin_epoch()
            self._wait.end_step(now)
        self._begun.append(taken)
        for ended in getattr(logs, "ends", (now,)):
            self._end_step(self._begun.popleft(), ended)
        if self.examples and ends_epoch(self, batch):
            missing = self.params["steps"] * self.batch_size - self.examples
            self._seen = max(self._seen - missing, 0)

    def _end_step(self, taken: int, ended: float) -> None:
        """Take the time of a step, or of those that were taken at once."""
        if self._warm:
            self._seen += taken * self.batch_size
            self._times.append((ended - self._last) / taken)
        else:
            self._warm, self._mark = True, ended
        self._last = ended

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add the figures to the logs."""
        if logs is None:
            return
        elapsed = self._last - self._mark
        rate = self._seen / elapsed if elapsed > 0 else 0.0
        unit = "examples" if self.tokens is None else "tokens"
        rate *= self.tokens or 1
        self.figures = {
            "seconds": time.perf_counter() - self._began,
            f"{unit}_per_second": rate,
            **self._details(rate, elapsed),
        }
        logs.update(self.figures)
        logs["learning_rate"] = learning_rate_of(
            self.model.optimizer, max(self.steps - 1, 0)
        )

    def _details(self, rate: float, elapsed: float) -> dict[str, float]:
        found = {}
        if self._times:
            shares = np.percentile(np.asarray(self._times), (50, 90, 99)) * 1e3
            for name, value in zip((50, 90, 99), shares, strict=True):
                found[f"step_ms_p{name}"] = float(value)
        if self._wait is not None and self._wait.known and elapsed > 0:
            found["input_wait"] = min(self._wait.seconds / elapsed, 1.0)
        if self._wait is not None and self._peak and self.flops_per_token:
            found["mfu"] = rate * self.flops_per_token / self._peak
        for name, value in peak_memory().items():
            key = "peak_memory_mb" if name == "host" else "peak_device_memory_mb"
            found[key] = round(value / 2**20, 1)
        return found

    def state_dict(self) -> dict[str, int]:
        """Return the count of steps, for a checkpoint."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up the count of a checkpoint."""
        self.steps = state["steps"]
