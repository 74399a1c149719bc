"""Ctrl-C while training, taken between two steps."""

import contextlib
import signal
import threading

import keras

from kzoo.training.distribution import group


class InterruptBetweenSteps(keras.callbacks.Callback):
    """Put off ctrl-C until the running step is done, then raise `KeyboardInterrupt`.

    A step that is cut in its middle may leave weights half updated, and on JAX none
    at all: their memory was given away. Between two steps a model is whole, so that
    who catches the `KeyboardInterrupt` may save it. A second ctrl-C acts at once.

    Use it as a context manager around `fit`, and among its callbacks.

    Args:
        on_request: Called when ctrl-C is first pressed, to say that it was heard; an
            `OSError` of it, of a pipe that nobody reads any more, is of no account.
        signals: The signals that are taken so; ctrl-C sends SIGINT, and schedulers
            send SIGTERM to what has to make room.
        ready: Called after the step; where it returns False the training goes on, a
            step at a time: until a checkpoint is saved, say. None for at once. In a
            validation a single process ends at once, having kept the state before it;
            those of a group go on to where they can agree.

    Attributes:
        requested: Whether a signal has come.
        signal: Which one, or None.

    Example:
        >>> with InterruptBetweenSteps() as interruption:
        ...     interruption.requested
        False
    """

    def __init__(self, on_request=None, signals=(signal.SIGINT,), ready=None) -> None:
        super().__init__()
        self.on_request = on_request
        self.signals = signals
        self.ready = ready
        self.requested = False
        self.signal: int | None = None
        self._before: dict = {}

    def __enter__(self) -> "InterruptBetweenSteps":
        self.requested, self.signal = False, None
        # Only the main thread may change what a signal does.
        if threading.current_thread() is threading.main_thread():
            for number in self.signals:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _on_signal(self, number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested, self.signal = True, number
        if self.on_request:
            with contextlib.suppress(OSError):
                self.on_request()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Act on a ctrl-C that was pressed during the step."""
        if self.requested and (self.ready is None or self.ready()):
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Act on a ctrl-C that was pressed during the validation."""
        alone = group.size() == 1 or self.ready is None
        if self.requested and (alone or self.ready()):
            raise KeyboardInterrupt
