"""How long a training waits for its data."""

import time

import keras


class InputWait:
    """Seconds that `fit` spent between steps and on getting batches.

    On PyTorch `fit` gets a batch between two steps; on JAX inside of its train
    function, whose iterator is timed. TensorFlow takes batches inside its compiled
    function, where they cannot be told apart from the step: `known` is then False.

    Args:
        model: The model, inside `fit`, with its train function made.
    """

    def __init__(self, model: keras.Model) -> None:
        self.known = keras.backend.backend() != "tensorflow"
        self.seconds = 0.0
        self._ended: float | None = None
        if keras.backend.backend() == "jax":
            self._time_iterators(model)

    def _time_iterators(self, model) -> None:
        inner = getattr(model.train_function, "untimed", model.train_function)

        def timed(state, iterator):
            return inner(state, _Timed(iterator, self))

        timed.untimed = inner
        model.train_function = timed

    def begin_epoch(self) -> None:
        """Start anew."""
        self.seconds = 0.0
        self._ended = None

    def begin_step(self) -> None:
        """Note that a step begins."""
        if self._ended is not None:
            self.seconds += time.perf_counter() - self._ended

    def end_step(self, now: float) -> None:
        """Note that a step has ended."""
        self._ended = now


class _Timed:
    """An iterator whose time is taken."""

    def __init__(self, iterator, wait: InputWait) -> None:
        self._iterator = iterator
        self._wait = wait

    def __iter__(self):
        return self

    def __next__(self):
        began = time.perf_counter()
        try:
            return next(self._iterator)
        finally:
            self._wait.seconds += time.perf_counter() - began
