"""The records of run folders, found, read and compared."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from kzoo.cli.run_folder import RECORD
from kzoo.errors import InputError
from kzoo.files import read_json

_MARKS = (RECORD, "history.jsonl")


@dataclasses.dataclass
class RunRecord:
    """A run folder and what is recorded in it.

    Args:
        folder: The folder.
        record: The value of `training.json`; empty where there is none.
        damage: Why it cannot be read, or "".
    """

    folder: pathlib.Path
    record: dict[str, Any]
    damage: str = ""

    @property
    def status(self) -> str:
        """How the run ended: done, interrupted, diverged, unfinished or damaged."""
        if self.damage:
            return "damaged"
        if not self.record or "epochs_done" not in self.record:
            return "unfinished"
        if self.record.get("diverged"):
            return "diverged"
        return "interrupted" if self.record.get("interrupted") else "done"

    @property
    def watched(self) -> tuple[str, float | None]:
        """What the best epoch was chosen by, and its value there."""
        settings = _mapping(self.record.get("settings"))
        name = str(settings.get("monitor") or "val_loss")
        average = _mapping(self.record.get("average"))
        metrics = _mapping(
            average.get("metrics") if average.get("kept") else None
        ) or _mapping(self.record.get("metrics"))
        if name not in metrics and "loss" in metrics:
            name = "loss"
        value = metrics.get(name, self.record.get("best"))
        return name, value if isinstance(value, int | float) else None

    def row(self) -> dict[str, Any]:
        """Return what a table of runs shows, numbers as numbers."""
        record = self.record
        model, seconds = _mapping(record.get("model")), _mapping(record.get("seconds"))
        speed = _mapping(record.get("speed"))
        name, value = self.watched
        rates = ("tokens_per_second", "examples_per_second")
        cells = (
            str(self.folder),
            self.status,
            record.get("family"),
            model.get("preset") or model.get("source"),
            _mapping(record.get("data")).get("spec"),
            record.get("backend"),
            record.get("steps_done"),
            value,
            name if value is not None else None,
            next((speed[rate] for rate in rates if rate in speed), None),
            seconds.get("total"),
            record.get("started"),
        )
        return dict(zip(COLUMNS, cells, strict=True))


# What `RunRecord.row` has.
COLUMNS = (
    "run",
    "status",
    "family",
    "model",
    "data",
    "backend",
    "steps",
    "best",
    "by",
    "rate",
    "seconds",
    "started",
)


def find_runs(folders: Iterable[pathlib.Path]) -> list[RunRecord]:
    """Return the runs in folders and below them, sorted by path.

    Args:
        folders: Run folders, or folders of them.

    Returns:
        A record of each; a damaged one says so and is no error.

    Raises:
        InputError: If a folder does not exist.
    """
    found: dict[pathlib.Path, RunRecord] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                "Runs are looked for in folders.", f"folder={str(folder)!r}"
            )
        for path in _run_folders(folder):
            found.setdefault(path.resolve(), _read(path))
    return sorted(found.values(), key=lambda run: str(run.folder))


def differences(runs: Iterable[RunRecord]) -> dict[str, list[Any]]:
    """Return the settings in which runs differ, and the value of each run.

    Compared is what was asked for and what it was done with: settings, model, data,
    versions, backend and machine. Times and results are not.

    Args:
        runs: The runs.

    Returns:
        For each setting, by its path such as `settings.learning_rate`, a value for
        each run; None where it has none.
    """
    parts = ("settings", "model", "data", "versions", "backend", "machine", "family")
    flat = [dict(_flat({k: run.record.get(k) for k in parts}, "")) for run in runs]
    names = dict.fromkeys(name for one in flat for name in one)
    table = {name: [one.get(name) for one in flat] for name in names}
    return {
        name: values
        for name, values in table.items()
        if any(value != values[0] for value in values)
    }


def _run_folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield folders with a record, a history or a checkpoint: runs, finished or not."""
    for path, folders, files in os.walk(folder):
        saved = any(pathlib.Path(path, "checkpoints").glob("step-*"))
        if saved or any(mark in files for mark in _MARKS):
            folders.clear()  # no run lies in another
            yield pathlib.Path(path)
        folders[:] = sorted(f for f in folders if not f.startswith("."))


def _read(folder: pathlib.Path) -> RunRecord:
    path = folder / RECORD
    if not path.exists():
        return RunRecord(folder, {})
    try:
        record = read_json(path)
    except InputError as error:
        return RunRecord(folder, {}, str(error))
    if not isinstance(record, dict):
        return RunRecord(folder, {}, f"{path} holds no JSON object")
    return RunRecord(folder, record)


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
