"""A run folder: what it holds, when it may be written, what is recorded in it."""

import atexit
import os
import pathlib
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from typing import Any

from kzoo.errors import InputError

RECORD = "training.json"

# What kzoo writes into a run folder: all that --overwrite takes away.
_FILES = (
    "config.json",
    "manifest.json",
    "model.safetensors",
    RECORD,
    "history.csv",
    "history.jsonl",
    "resume.json",
    "history.png",
    "attention.png",
    "attention.html",
)
_FOLDERS = ("tokenizer", "tensorboard", "evaluation", "checkpoints")


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
    for path in folder.glob("nonfinite-*.npz"):
        path.unlink()
    for name in _FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)


def of_this_process(folder: pathlib.Path) -> pathlib.Path:
    """Return where this process writes a run: elsewhere, if another one writes it.

    Of processes that train one model together the first one writes the run folder.
    What the others would write goes into a folder that is removed when they end.
    """
    from kzoo.training.distribution import is_chief

    if is_chief():
        return folder
    scratch = tempfile.mkdtemp(prefix="kzoo-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return pathlib.Path(scratch)


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
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """Return what a training ran on: processor, memory, accelerators."""
    from kzoo.training.device_figures import device_names

    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "processor_cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "accelerators": device_names(),
    }


def _processor() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [
        line.split(":", 1)[1] for line in text.splitlines() if "model name" in line
    ]
    return names[0].strip() if names else platform.machine()


def _memory_gb() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return round(size / 2**30, 1)
