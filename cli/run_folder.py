"""A run folder: what it holds, when it may be written, what is recorded in it."""

import os
import pathlib
import platform
import shutil
import sys
from importlib import metadata
from typing import Any

from kzoo.errors import InputError

RECORD = "training.json"

# What kzoo writes into a run folder: all that --overwrite takes away.
_FILES = ("config.json", "model.safetensors", RECORD, "history.csv", "history.jsonl")
_FOLDERS = ("tokenizer", "tensorboard", "evaluation")


def check_free(folder: pathlib.Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless that is to be overwritten.

    Args:
        folder: The run folder to be.
        overwrite: Whether an older run may go.

    Raises:
        InputError: If it is a file, or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            "A run is a folder.", f"--out {folder}, which is a file", "Name another."
        )
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise InputError(
            "A run does not write over what is there.",
            f"--out {folder}, which is not empty",
            "Name another folder, or pass --overwrite.",
        )


def clear(folder: pathlib.Path) -> None:
    """Make the folder; take an older run's files out of it and leave all others."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)


def versions() -> dict[str, Any]:
    """Return the versions and the machine that a record names."""
    import keras

    import kzoo

    backend = keras.backend.backend()
    names = ["keras", backend, "numpy", "tokenizers"]
    found = {"kzoo": kzoo.__version__, "python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = getattr(sys.modules.get(name), "__version__", "unknown")
    return {
        "versions": found,
        "backend": backend,
        "machine": {
            "platform": platform.platform(),
            "processor_cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
        },
    }
