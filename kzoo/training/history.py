"""Reading the history of a run."""

import json
import os
import pathlib

from kzoo.errors import InputError


def read_history(folder: str | os.PathLike) -> list[dict]:
    """Return the rows of a run's `history.jsonl`, whole ones only.

    Args:
        folder: The run folder.

    Returns:
        A dict for each row.

    Raises:
        InputError: If the folder holds no history.
    """
    path = pathlib.Path(folder, "history.jsonl")
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n") and line.strip():
                rows.append(json.loads(line))
    if not rows:
        raise InputError(
            "A run folder holds a history with one row or more.",
            f"path={str(path)!r}",
            "Pass a folder that kzoo train wrote.",
        )
    return rows
