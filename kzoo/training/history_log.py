"""The course of a training as `history.csv` and `history.jsonl`."""

import csv
import io
import json
import math
import os
import pathlib

import keras

from kzoo.errors import InputError
from kzoo.training.distribution.group import is_chief
from kzoo.training.learning_rate import learning_rate_of
from kzoo.training.step_count import due, steps_of

_FILES = ("history.csv", "history.jsonl")


class HistoryLog(keras.callbacks.Callback):
    """Write every epoch, and if asked every n-th step, to files.

    `history.csv` has a row for each epoch, with the columns of the first one.
    `history.jsonl` has an object for each epoch (`"kind": "epoch"`) and step
    (`"kind": "step"`; its loss and metrics are means since the epoch began). A row is
    appended in one write and flushed to the disk; the part of a row that a crash left
    at the end of a file is cut off first. Values that are not finite are `null`.

    Args:
        folder: Where the two files go; made if it does not exist.
        every_steps: Write each n-th step as well; 0 for epochs only.

    Raises:
        ValueError: If `every_steps` is negative.

    Example:
        >>> log = HistoryLog("runs/a", every_steps=100)
        >>> log.every_steps
        100
    """

    def __init__(self, folder: str | os.PathLike, every_steps: int = 0) -> None:
        super().__init__()
        if every_steps < 0:
            raise ValueError(
                f"Steps are counted from 1. Received: every_steps={every_steps}. "
                "Pass 0 for epochs only."
            )
        self.folder = pathlib.Path(folder)
        self.every_steps = every_steps
        self.epochs = 0
        self.steps = 0
        self._epoch = 0
        self._columns: list[str] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Mend what a crash left, and take up the columns of an older file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            _cut_partial_line(self.folder / name)
        path = self.folder / "history.csv"
        if path.exists() and path.stat().st_size:
            with open(path, encoding="utf-8", newline="") as file:
                self._columns = next(csv.reader(file))

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Note the epoch for the steps of it."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Write the step if it is its turn."""
        taken = steps_of(self, batch)
        self.steps += taken
        if due(self.steps, taken, self.every_steps):
            rate = learning_rate_of(self.model.optimizer, self.steps - 1)
            row = {"kind": "step", "epoch": self._epoch + 1, "step": self.steps}
            row.update(_finite(logs), learning_rate=rate)
            self._append("history.jsonl", json.dumps(row) + "\n")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the epoch to both files."""
        self.epochs += 1
        row = {"epoch": epoch + 1, "step": self.steps, **_finite(logs)}
        line = json.dumps({"kind": "epoch", **row}) + "\n"
        self._append("history.jsonl", line)
        if self._columns is None:
            self._columns = list(row)
            self._append("history.csv", _csv_line(self._columns))
        self._append("history.csv", _csv_line([row.get(c) for c in self._columns]))

    def state_dict(self) -> dict:
        """Return the counts and how long the files are, for a checkpoint."""
        return {
            "epochs": self.epochs,
            "steps": self.steps,
            "columns": self._columns,
            "sizes": {name: _size(self.folder / name) for name in _FILES},
        }

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned: later rows go, to be written again.

        Raises:
            InputError: If a file is shorter than it was.
        """
        if is_chief():  # in a group the others have files of their own, or none
            for name, size in state["sizes"].items():
                _cut(self.folder / name, size)
        self.epochs, self.steps = state["epochs"], state["steps"]
        self._columns = state["columns"]

    def _append(self, name: str, line: str) -> None:
        with open(self.folder / name, "ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def _finite(logs: dict | None) -> dict:
    values = {name: float(value) for name, value in (logs or {}).items()}
    return {name: v if math.isfinite(v) else None for name, v in values.items()}


def _csv_line(cells: list) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _cut(path: pathlib.Path, size: int) -> None:
    """Cut a file to a size that it had.

    Raises:
        InputError: If it is shorter.
    """
    if _size(path) < size:
        raise InputError(
            "A history goes on from where its checkpoint was saved.",
            f"{path} of {_size(path)} bytes, while {size} were written",
            "Bring the file back, or start anew in another folder.",
        )
    if path.exists():
        os.truncate(path, size)


def _cut_partial_line(path: pathlib.Path) -> None:
    if not path.exists():
        return
    with open(path, "rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
