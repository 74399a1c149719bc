"""Writing beside the goal and publishing by one rename."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from kzoo.errors import InputError
from kzoo.export.errors import ExportError


@contextlib.contextmanager
def publishing(
    folder: str | os.PathLike, *, overwrite: bool = False
) -> Iterator[pathlib.Path]:
    """Give an empty folder to write into that becomes `folder` when all went well.

    The files are synced to the disk before the rename. On any failure, ctrl-C
    included, the written files are removed and what stood at `folder` stays.

    Args:
        folder: Where the artefact shall stand.
        overwrite: Whether an artefact that stands there is replaced.

    Yields:
        The folder to write into, a sibling of the goal.

    Raises:
        InputError: If the goal exists and shall not be replaced, or its parent
            cannot be written.
        ExportError: If the disk is full or another write fails.
    """
    goal = pathlib.Path(os.path.abspath(folder))
    _check_goal(goal, overwrite)
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        staging = tempfile.mkdtemp(prefix=f".{goal.name}.", dir=goal.parent)
    except OSError as error:
        raise InputError(
            "The folder above the artefact must be writable.",
            f"folder={os.fspath(folder)!r} ({error.strerror})",
            "Choose another folder.",
        ) from error
    work = pathlib.Path(staging, goal.name)
    try:
        work.mkdir()
        yield work
        _sync(work)
        _rename(work, goal, pathlib.Path(staging))
    except OSError as error:
        raise ExportError(
            "The artefact could not be written; nothing of it was left behind and "
            f"what stood there is unchanged. Received: {error}. Free some space, or "
            "choose another folder."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_goal(goal, overwrite):
    if goal.exists() and not goal.is_dir():
        raise InputError(
            "An artefact is a folder.",
            f"folder={str(goal)!r}, which is a file",
            "Choose another name.",
        )
    if goal.is_dir() and any(goal.iterdir()) and not overwrite:
        raise InputError(
            "An export does not write over what is there.",
            f"folder={str(goal)!r}, which is not empty",
            "Choose another folder, or pass overwrite=True.",
        )


def _sync(folder):
    """Flush every file and folder to the disk, the deepest first."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            _fsync(os.path.join(path, name))
        _fsync(path)


def _fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(work, goal, staging):
    os.chmod(work, 0o777 & ~_umask())
    if goal.is_dir() and any(goal.iterdir()):
        # A folder cannot be renamed over another: the old one steps aside.
        aside = staging / "replaced"
        os.rename(goal, aside)
        try:
            os.rename(work, goal)
        except BaseException:
            os.rename(aside, goal)
            raise
    else:
        os.rename(work, goal)
    _fsync(goal.parent)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
