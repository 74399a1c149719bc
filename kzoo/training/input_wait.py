"""How long a training waits for its data."""

import time

import keras


class InputWait:
    """Seconds that `fit` spent between steps and on getting batches.

    On PyTorch `fit` gets a batch between two steps; on JAX inside of its train
    function, whose iterator is timed: a batch that is there before the last step has
    ended kept nobody waiting. TensorFlow takes batches inside its compiled function,
    where `SkipNonFinite` has a clock.

    Args:
        model: The model, inside `fit`, with its train function made.
    """

    def __init__(self, model: keras.Model) -> None:
        self._clock = getattr(model.train_step, "clock", None)
        self._seconds = 0.0
        self._ended: float | None = None
        if keras.backend.backend() == "jax":
            self._time_iterators(model)

    @property
    def known(self) -> bool:
        """Whether it can be told, once steps were taken.

        Not on TensorFlow without that clock, with XLA, or with several replicas.
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

        def timed(state, iterator):
            return inner(state, _Timed(iterator, self, state))

        timed.untimed = inner
        model.train_function = timed

    def begin_epoch(self) -> None:
        """Start anew."""
        self._seconds = 0.0
        self._ended = None
        if self._clock is not None:
            self._clock.restart()

    def begin_step(self) -> None:
        """Note that a step begins."""
        if self._ended is not None:
            self.add(time.perf_counter() - self._ended)

    def end_step(self, now: float) -> None:
        """Note that a step has ended."""
        self._ended = now

    def add(self, seconds: float) -> None:
        """Note a wait of so many seconds."""
        self._seconds += seconds


def _is_there(state) -> bool:
    """Return whether the step that makes a state has ended, as far as is known."""
    first = next((variable for kind in state for variable in kind), None)
    known = hasattr(first, "is_ready") and not first.is_deleted()
    return not known or first.is_ready()


class _Timed:
    """An iterator whose time is taken where the device has nothing else to do."""

    def __init__(self, iterator, wait: InputWait, state) -> None:
        self._iterator = iterator
        self._wait = wait
        self._state = state

    def __iter__(self):
        return self

    def __next__(self):
        began = time.perf_counter()
        try:
            return next(self._iterator)
        finally:
            if _is_there(self._state):
                self._wait.add(time.perf_counter() - began)
