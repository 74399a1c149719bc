"""The folder of a run's checkpoints: which is the newest good one, which may go."""

import contextlib
import os
import pathlib
import re
import warnings
from collections.abc import Iterable, Mapping

from kzoo.errors import InputError
from kzoo.training.checkpoints.errors import DamagedCheckpoint
from kzoo.training.checkpoints.file_layer import FileLayer
from kzoo.training.checkpoints.reading import Checkpoint
from kzoo.training.checkpoints.writing import TEMPORARY, TRASH, throw_away, write

_NAME = re.compile(r"step-(\d{9,18})(-end|-final)?")
# At one step: between two steps, after the epoch's end, after all.
KINDS = ("", "-end", "-final")
START = "start"


class Store:
    """The checkpoints in one folder, by their step.

    Args:
        folder: The folder; made when the first checkpoint is written.
        keep: How many are kept.
        layer: The system calls.

    Raises:
        InputError: If `keep` is not positive.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        keep: int = 3,
        layer: FileLayer | None = None,
    ) -> None:
        if keep < 1:
            raise InputError(
                "At least the last checkpoint is kept.", f"keep={keep}", "Pass 1 or 3."
            )
        self.folder = pathlib.Path(folder)
        self.keep = keep
        self.layer = layer or FileLayer()
        self._damaged: set[pathlib.Path] = set()

    def list(self) -> list[pathlib.Path]:
        """Return the checkpoints' folders, the newest first, good or not."""
        found = []
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if match := _NAME.fullmatch(path.name):
                    key = int(match[1]), KINDS.index(match[2] or "")
                    found.append((key, path))
        return [path for _, path in sorted(found, reverse=True)]

    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole.

        Warns:
            UserWarning: Of each newer one that is not, with file and reason.

        Returns:
            The checkpoint, or None where there are none at all.

        Raises:
            InputError: If there are some and none is whole.
        """
        paths = self.list()
        for path in paths:
            if (checkpoint := _whole(path)) is not None:
                return checkpoint
            self._damaged.add(path)
        if paths:
            raise InputError(
                "A training goes on from a checkpoint that is whole.",
                f"{len(paths)} in {str(self.folder)!r}, each damaged",
                "Bring one back from a copy, or take the folder away to start anew.",
            )
        return None

    def start(self) -> Checkpoint | None:
        """Return the state of parts before the first step, if it was saved.

        Warns:
            UserWarning: If it is damaged, with file and reason.
        """
        path = self.folder / START
        return _whole(path) if path.is_dir() else None

    def save_start(self, files: Mapping[str, Iterable[bytes | memoryview]]) -> None:
        """Write the state of parts before the first step, in place of an older one.

        It goes with the first checkpoint.

        Args:
            files: The bytes of each file, in parts.

        Raises:
            OSError: If the disk refuses.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write(self.layer, self.folder / START, files)

    def save(
        self,
        step: int,
        kind: str,
        files: Mapping[str, Iterable[bytes | memoryview]],
    ) -> pathlib.Path:
        """Write a checkpoint; older ones go when it is on the disk.

        Args:
            step: The steps that were taken.
            kind: One of `KINDS`.
            files: The bytes of each file, in parts.

        Returns:
            Its folder.

        Raises:
            OSError: If the disk refuses; older checkpoints are all still there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step-{step:09d}{kind}"
        write(self.layer, path, files)
        self._damaged.discard(path)
        self._prune(path)
        return path

    def sweep(self) -> None:
        """Take away what a writer that died left behind."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name.startswith((TEMPORARY, TRASH)):
                    with contextlib.suppress(OSError):
                        self.layer.remove_folder(path)

    def _prune(self, newest: pathlib.Path) -> None:
        # Newer names than the newest are of a future that was given up: damaged.
        paths = self.list()
        older = [
            path for path in paths[paths.index(newest) :] if path not in self._damaged
        ]
        for path in (*paths, self.folder / START):
            if path not in older[: self.keep] and path.exists():
                # A disk that does not let go of an old one is no harm to the new one.
                with contextlib.suppress(OSError):
                    throw_away(self.layer, path)
                    self._damaged.discard(path)


def _whole(path: pathlib.Path) -> Checkpoint | None:
    """Return a checkpoint, or warn that it is damaged."""
    try:
        return Checkpoint(path)
    except DamagedCheckpoint as error:
        place, reason = error.path, error.reason
    except OSError as error:  # the disk gives some of it no more
        place, reason = error.filename or path, error.strerror or str(error)
    warnings.warn(
        f"A damaged checkpoint is passed over. {place}: {reason}.", stacklevel=3
    )
    return None
