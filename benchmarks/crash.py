"""Kill a training again and again, and see whether it ends as if nobody had.

    KERAS_BACKEND=torch .venv/bin/python benchmarks/crash.py --kills 400

A real `fit` runs in a process of its own. It gets SIGKILL at random instants, half of
them aimed into a save (the process tells when one begins), others between two, and is
started again until it ends. Then the sha256 of its weights, its optimizer and its
history are compared with those of a training that was left alone. That is repeated
until there were enough kills. `--callback backup` has Keras's `BackupAndRestore` in
place of `kzoo.training.Checkpoints`.

Processes are forked from one that has imported Keras and its backend and computed
nothing yet, so that a life takes less than the import.
"""

import argparse
import json
import os
import pathlib
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

import crash_worker

_LIMIT = 300.0  # seconds of one life


def main() -> None:
    """Kill as often as the command line says, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--callback", choices=("checkpoints", "backup"), default="checkpoints"
    )
    parser.add_argument("--out", type=pathlib.Path, help="a JSON file, kept up to date")
    parser.add_argument(
        "--keep", type=pathlib.Path, help="where to keep the folders that differ"
    )
    options = parser.parse_args()
    _import_all()
    supervisor = Supervisor(options)
    while supervisor.wants_more():
        supervisor.run()
    print(json.dumps(supervisor.counts))
    good = supervisor.counts["identical"] == supervisor.counts["runs"]
    sys.exit(0 if good or options.callback == "backup" else 1)


def _import_all() -> None:
    import keras  # noqa: F401

    import kzoo.training
    import kzoo.training.checkpoints.callback

    for name in ("HistoryLog", "Checkpoints", "adamw", "set_seed"):
        getattr(kzoo.training, name)
    from kzoo.data import packed  # noqa: F401


class Supervisor:
    """Starts, kills, counts.

    Args:
        options: Those of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.callback = callback = options.callback
        self.draws = random.Random(options.seed)
        self.began = time.monotonic()
        self.counts = {
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
            "callback": callback,
            "kills": 0,
            "inside_a_save": 0,
            "runs": 0,
            "identical": 0,
            "unrecoverable": 0,
            "different": [],
        }
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            began = time.monotonic()
            if self._life(folder, None) is not None:
                raise SystemExit("the training that nobody disturbs does not end")
            self.usual = time.monotonic() - began
            self._keep(folder, "undisturbed")
            self.wanted = _result(folder)

    def wants_more(self) -> bool:
        """Return whether to kill on; if not, the last training is let go."""
        spent = time.monotonic() - self.began
        self.counts["seconds"] = round(spent, 1)
        if self.options.out:
            self.options.out.write_text(json.dumps(self.counts) + "\n")
        enough = self.counts["kills"] >= self.options.kills
        return not enough and spent < (self.options.seconds or float("inf"))

    def run(self) -> None:
        """Bring one training to its end, killing it on its way."""
        folder = pathlib.Path(tempfile.mkdtemp())
        counts = self.counts
        while not (folder / "result.json").exists():
            failure = self._life(folder, self._plan() if self.wants_more() else None)
            if failure is not None:
                counts["unrecoverable"] += 1
                counts["runs"] += 1
                counts["different"].append(failure[-300:])
                shutil.rmtree(folder)
                return
        counts["runs"] += 1
        found = _result(folder)
        if found == self.wanted:
            counts["identical"] += 1
        else:
            names = [name for name in found if found[name] != self.wanted[name]]
            counts["different"].append(" ".join(names))
            self._keep(folder, str(counts["runs"]))
        shutil.rmtree(folder)

    def _keep(self, folder: pathlib.Path, name: str) -> None:
        if self.options.keep:
            shutil.copytree(folder, self.options.keep / name)

    def _plan(self) -> tuple[str, float, int]:
        """Return when to kill: after some seconds, or some way into or past a save."""
        kind = self.draws.choices(("save", "past", "time"), (5, 3, 2))[0]
        # A life that dies before its first save gets nowhere: most live longer.
        span = {"save": 0.04, "past": 0.01, "time": 1.2 * self.usual}[kind]
        return kind, self.draws.random() * span, self.draws.randint(1, 6)

    def _life(self, folder: pathlib.Path, plan) -> str | None:
        """Run one life; return what it said if it failed by itself, else None."""
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            _child(folder, self.callback, writes if plan else None)
        os.close(writes)
        inside = False
        try:
            inside = self._wait(child, reads, plan)
        finally:
            os.close(reads)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.counts["kills"] += 1
            self.counts["inside_a_save"] += inside
            return None
        if os.waitstatus_to_exitcode(status) == 0:
            return None
        log = folder / "error.log"
        return log.read_text() if log.exists() else f"status {status}"

    def _wait(self, child: int, reads: int, plan) -> bool:
        """Wait for the instant and kill; return whether that was inside a save."""
        began, saving, saves = time.monotonic(), False, 0
        kill_at = began + _LIMIT
        kind, seconds, number = plan or ("none", 0.0, 0)
        if kind == "time":
            kill_at = began + seconds
        while True:
            ready, _, _ = select.select(
                [reads], [], [], max(0.0, kill_at - time.monotonic())
            )
            if ready:
                said = os.read(reads, 64)
                if not said:
                    return False  # it has ended
                saves += said.count(b"b")
                saving = said.endswith(b"b")
                if saves >= number and kind == ("save" if saving else "past"):
                    kind, kill_at = "aimed", time.monotonic() + seconds
            elif time.monotonic() >= kill_at:
                os.kill(child, signal.SIGKILL)
                return saving


def _child(folder: pathlib.Path, callback: str, pipe: int | None) -> None:
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        crash_worker.live(folder, callback, pipe)
        status = 0
    except BaseException:  # whatever it is, it is told of
        (folder / "error.log").write_text(traceback.format_exc())
    finally:
        os._exit(status)


def _result(folder: pathlib.Path) -> dict:
    return json.loads((folder / "result.json").read_text())


if __name__ == "__main__":
    main()
