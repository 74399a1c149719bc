"""How long a training waits for its data."""

import concurrent.futures
import time

import keras


class InputWait:
    """Seconds that `fit` spent between steps and on getting batches.

    On PyTorch `fit` gets a batch between two steps; on JAX inside of its train
    function, whose iterator is timed: from the end of the last step on, since a batch
    that comes while the device computes keeps nobody waiting. Of several steps taken at
    once the first one's batch is timed, and stands for all. TensorFlow takes batches
    inside its compiled function, where `SkipNonFinite` has a clock.

    Args:
        model: The model, inside `fit`, with its train function made.
    """

    def __init__(self, model: keras.Model) -> None:
        self._clock = getattr(model.train_step, "clock", None)
        self._seconds = 0.0
        self._ended: float | None = None
        self._step_end = None
        if keras.backend.backend() == "jax":
            self._time_iterators(model)

    @property
    def known(self) -> bool:
        """Whether it can be told, once steps were taken.

        Not on TensorFlow without that clock, or with XLA.
        """
        if keras.backend.backend() != "tensorflow":
            return True
        return self._clock is not None and self._clock.runs

    @property
    def seconds(self) -> float:
        """The seconds of this epoch up to now."""
        return self._seconds if self._clock is None else self._clock.seconds

    def _time_iterators(self, model) -> None:
        inner = getattr(model.train_function, "untimed", model.train_function)
        self._step_end = _StepEnd()

        def timed(state, iterator):
            batches = _Timed(iterator, self._step_end)
            logs, state = inner(state, batches)
            self.add(batches.waited * batches.count)
            self._step_end.watch(logs)
            return logs, state

        timed.untimed = inner
        model.train_function = timed

    def begin_epoch(self) -> None:
        """Start anew."""
        self._seconds = 0.0
        self._ended = None
        if self._clock is not None:
            self._clock.restart()

    def begin_step(self) -> None:
        """Note that a step begins; on JAX its iterator tells how long that took."""
        if self._ended is not None and self._step_end is None:
            self.add(time.perf_counter() - self._ended)

    def end_step(self, now: float) -> None:
        """Note that a step has ended."""
        self._ended = now

    def add(self, seconds: float) -> None:
        """Note a wait of so many seconds."""
        self._seconds += seconds


class _StepEnd:
    """Knows when a step of JAX ended that was begun and not waited for."""

    def __init__(self) -> None:
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "kzoo-step-end")
        self._logs = self._time = None

    def watch(self, logs) -> None:
        """Take the logs of a step that was begun."""
        self._logs, self._time = logs, None

    def expect(self) -> None:
        """Begin to wait for it, if it goes on: a step is worth a thread's attention."""
        import jax

        running = [x for x in jax.tree.leaves(self._logs) if hasattr(x, "is_ready")]
        if running and not running[0].is_ready():

            def wait():
                jax.block_until_ready(running[0])
                return time.perf_counter()

            self._time = self._thread.submit(wait)

    def since(self, began: float) -> float:
        """Return the seconds for which the device had nothing to do.

        Args:
            began: When it was asked about the first time.
        """
        if self._time is None:
            return time.perf_counter() - began
        if not self._time.done():
            return 0.0
        return time.perf_counter() - self._time.result()


class _Timed:
    """An iterator whose first item's time is taken."""

    def __init__(self, iterator, step_end: _StepEnd) -> None:
        self._iterator = iterator
        self._step_end = step_end
        self.waited = 0.0
        self.count = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.count:
            item = next(self._iterator)
            self.count += 1
            return item
        began = time.perf_counter()
        self._step_end.expect()
        try:
            item = next(self._iterator)
        finally:
            self.waited = self._step_end.since(began)
        self.count = 1
        return item
