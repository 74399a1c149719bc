"""Ctrl-C while training, taken between two steps."""

import signal
import threading

import keras


class InterruptBetweenSteps(keras.callbacks.Callback):
    """Put off ctrl-C until the running step is done, then raise `KeyboardInterrupt`.

    A step that is cut in its middle may leave weights half updated, and on JAX none
    at all: their memory was given away. Between two steps a model is whole, so that
    who catches the `KeyboardInterrupt` may save it. A second ctrl-C acts at once.

    Use it as a context manager around `fit`, and among its callbacks.

    Args:
        on_request: Called when ctrl-C is first pressed, to say that it was heard.

    Example:
        >>> with InterruptBetweenSteps() as interruption:
        ...     interruption.requested
        False
    """

    def __init__(self, on_request=None) -> None:
        super().__init__()
        self.on_request = on_request
        self.requested = False
        self._before = None

    def __enter__(self) -> "InterruptBetweenSteps":
        # Only the main thread may change what a signal does.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _on_signal(self, number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if self.on_request:
            self.on_request()

    def _act(self) -> None:
        if self.requested:
            raise KeyboardInterrupt

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Act on a ctrl-C that was pressed during the step."""
        self._act()

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Act on a ctrl-C that was pressed during the validation."""
        self._act()
