"""One save at a time in a thread beside the training."""

import threading
from collections.abc import Callable


class Background:
    """Runs one call at a time in a thread; its error is raised where it is asked for.

    The thread is waited for at the end of the process, so that a save that has begun
    is brought to its end.

    Example:
        >>> background, done = Background(), []
        >>> background.start(lambda: done.append(1))
        >>> background.wait()
        >>> done, background.busy
        ([1], False)
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, call: Callable[[], object]) -> None:
        """Wait for the call before, raise its error if it had one, and start another.

        Raises:
            Exception: What the call before raised.
        """
        self.wait()
        self._thread = threading.Thread(target=self._run, args=(call,), name="save")
        self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is under way.

        Raises:
            Exception: What the call raised.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def check(self) -> None:
        """Raise the error of a call that failed; once.

        Raises:
            Exception: What the call raised.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:  # raised where someone can act on it
            self._error = error
