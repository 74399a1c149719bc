"""Several processes of one host that train together, watched and started anew."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from kzoo.training.distribution import environments

FORWARDED = (signal.SIGINT, signal.SIGTERM)

# The end of a group that another start does not mend: arguments or input that are
# wrong, and what was asked for by a signal.
_FINAL = (0, 2, 128 + signal.SIGINT, 128 + signal.SIGTERM)


def launch(
    command: Sequence[str],
    workers: int,
    *,
    restarts: int = 0,
    again: Callable[[Sequence[str]], Sequence[str]] = list,
    grace: float = 10.0,
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
) -> int:
    """Run a command in several processes until all of them have ended.

    Each process learns from its environment who it is (`environments.of_worker`). The
    first one has this process's output; lines of the others go to standard error
    behind their number. SIGINT and SIGTERM are handed on to all. When one fails, the
    others are ended too: what they would wait for never comes.

    Args:
        command: The program and its arguments.
        workers: How many processes.
        restarts: How often a group that failed is started anew.
        again: Returns the command of another start, of the command.
        grace: Seconds that the others have to end by themselves; six times as many
            where a signal was handed on to them, for what they write then.
        tell: Called with what happens to the group, a line each.

    Returns:
        0 if all processes ended well, or the status of the first one that did not;
        128 + n where signal n ended it.
    """
    started = 0
    while True:
        group = _Group(command, workers)
        with group.forwarding():
            status = group.wait(grace, tell)
        if status in _FINAL or group.signalled or started >= restarts:
            return status
        started += 1
        command = list(again(command))
        tell(f"kzoo: start {started} of {restarts} after status {status}")
        time.sleep(min(2.0**started, 30.0) / 2)


class _Group:
    """The processes of one start."""

    def __init__(self, command: Sequence[str], workers: int) -> None:
        self.signalled = False
        addresses = environments.free_addresses(workers)
        self.processes = [_start(command, rank, addresses) for rank in range(workers)]
        self._readers = [
            threading.Thread(target=_relay, args=(rank, process), daemon=True)
            for rank, process in enumerate(self.processes)
            if rank
        ]
        for reader in self._readers:
            reader.start()

    def forwarding(self) -> "_Forwarding":
        """Return a scope in which signals are handed on to all processes."""
        return _Forwarding(self)

    def wait(self, grace: float, tell: Callable[[str], None]) -> int:
        """Return how the group ended, having ended all of it."""
        try:
            failed = self._first_failure()
            if failed is not None:
                status = _status(self.processes[failed])
                tell(f"kzoo: worker {failed} ended with status {status}")
                # A signal was handed on: another one would cut what they write.
                self._end(6 * grace if self.signalled else grace, not self.signalled)
                return status
        finally:
            self._end(0.0)
            for reader in self._readers:
                reader.join(5.0)
        return 0

    def _first_failure(self) -> int | None:
        running = dict(enumerate(self.processes))
        while running:
            for rank, process in list(running.items()):
                if process.poll() is not None:
                    del running[rank]
                    if process.returncode:
                        return rank
            time.sleep(0.05)
        return None

    def _end(self, grace: float, ask: bool = True) -> None:
        """End what still runs: by itself, when asked, or by force."""
        for number, seconds in ((None, grace / 2), (signal.SIGTERM, grace / 2)):
            if number is not None and ask:
                self.send(number)
            limit = time.monotonic() + seconds
            while self._running() and time.monotonic() < limit:
                time.sleep(0.05)
        for process in self._running():
            process.kill()
            process.wait()

    def send(self, number: int) -> None:
        """Send a signal to every process that runs."""
        for process in self._running():
            process.send_signal(number)

    def _running(self) -> list[subprocess.Popen]:
        return [process for process in self.processes if process.poll() is None]


class _Forwarding:
    """Hands signals on to a group, in the main thread."""

    def __init__(self, group: _Group) -> None:
        self.group = group
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in FORWARDED:
                self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number, frame) -> None:
        self.group.signalled = True
        self.group.send(number)


def _start(command: Sequence[str], rank: int, addresses: list[str]):
    environment = {
        **os.environ,
        **environments.of_worker(rank, addresses),
        **environments.share_of_gpus(rank, len(addresses)),
        "PYTHONUNBUFFERED": "1",
    }
    # A session of its own: a ctrl-C of the terminal comes by us, once.
    return subprocess.Popen(
        list(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if rank else None,
        stderr=subprocess.STDOUT if rank else None,
        start_new_session=True,
        preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
    )


def _die_with_parent() -> Callable[[], None]:
    """Return what makes a process end when this one is killed, on Linux."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL) and None


def _relay(rank: int, process: subprocess.Popen) -> None:
    if process.stdout is None:
        return
    with process.stdout as lines:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\n")
            print(f"[{rank}] {text}", file=sys.stderr, flush=True)


def _status(process: subprocess.Popen) -> int:
    code = process.returncode
    return code if code >= 0 else 128 - code
