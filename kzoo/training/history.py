"""Reading the history of a run."""

import json
import os
import pathlib

from kzoo.errors import InputError, reading

# What `ThroughputLog` adds to an epoch beside its losses and metrics.
TIMINGS = (
    "seconds",
    "examples_per_second",
    "tokens_per_second",
    "step_ms_p50",
    "step_ms_p90",
    "step_ms_p99",
    "input_wait",
    "mfu",
    "peak_memory_mb",
    "peak_device_memory_mb",
)


def read_history(folder: str | os.PathLike) -> list[dict]:
    """Return the rows of a run's `history.jsonl`, whole ones only.

    Args:
        folder: The run folder.

    Returns:
        A dict for each row.

    Raises:
        InputError: If the folder holds no history, or a damaged one.
    """
    path = pathlib.Path(folder, "history.jsonl")
    rows = []
    if path.is_file():
        with reading("history", path):
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n") and line.strip():
                    rows.append(dict(json.loads(line)))
    if not rows:
        raise InputError(
            "A run folder holds a history with one row or more.",
            f"path={str(path)!r}",
            "Pass a folder that kzoo train wrote.",
        )
    return rows
