"""Reading a checkpoint: every byte is compared with the manifest before it is used."""

import hashlib
import json
import os
import pathlib
import stat
from typing import Any

from kzoo.training.checkpoints.errors import DamagedCheckpoint
from kzoo.training.checkpoints.tensor_file import TensorFile
from kzoo.training.checkpoints.writing import FILES, FORMAT, MANIFEST, manifest_text

_MOST_MANIFEST = 1 << 16
_CHUNK = 1 << 20


class Checkpoint:
    """A checkpoint that was found to be whole.

    Args:
        folder: Its folder.

    Attributes:
        state: The value of its `state.json`.

    Raises:
        DamagedCheckpoint: If it is not what was written.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = pathlib.Path(folder)
        verify(self.folder)
        self.state: dict[str, Any] = _json(self.folder / "state.json")

    def tensors(self, name: str) -> TensorFile:
        """Return the tensors of `model`, `optimizer` or `arrays`."""
        return TensorFile(self.folder / f"{name}.safetensors")


def verify(folder: str | os.PathLike) -> None:
    """Raise unless a checkpoint is, to the bit, what was written.

    Sizes and sha256 of all files are those of the manifest, whose own digest fits;
    files that it does not name are not read, and links are not followed.

    Args:
        folder: The checkpoint's folder.

    Raises:
        DamagedCheckpoint: If it is not; the message names the file and the reason.
    """
    folder = pathlib.Path(folder)
    for name, entry in _entries(folder).items():
        path = folder / name
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != entry["size"]:
                raise DamagedCheckpoint(path, f"{size} bytes, not {entry['size']}")
            digest = hashlib.sha256()
            while part := file.read(_CHUNK):
                digest.update(part)
        if digest.hexdigest() != entry["sha256"]:
            raise DamagedCheckpoint(path, "its sha256 is not the manifest's")


def _entries(folder: pathlib.Path) -> dict:
    """Return what the manifest says of each file.

    Raises:
        DamagedCheckpoint: If it is no manifest of this format, to the bit.
    """
    path = folder / MANIFEST
    with _open(path) as file:
        text = file.read(_MOST_MANIFEST + 1)
    try:
        value = json.loads(text)
        version, entries = value["format"], value["files"]
        if version == FORMAT:
            shaped = {
                name: {"size": int(row["size"]), "sha256": str(row["sha256"])}
                for name, row in entries.items()
            }
            # One text for each content: so a flipped bit in a space is found too.
            whole = manifest_text(shaped) == text and list(shaped) == list(FILES)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedCheckpoint(path, "it is no manifest") from error
    if version != FORMAT:
        raise DamagedCheckpoint(
            path, f"format {str(version)[:80]!r}, while this kzoo reads {FORMAT!r}"
        )
    if not whole:
        raise DamagedCheckpoint(path, "its own digest does not fit")
    return shaped


def _open(path: pathlib.Path):
    try:
        # Neither links nor pipes: what is read lies in this folder.
        flags = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
        handle = os.open(path, flags)
    except OSError as error:
        raise DamagedCheckpoint(path, error.strerror or "unreadable") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DamagedCheckpoint(path, "it is no plain file")
    return open(handle, "rb")


def _json(path: pathlib.Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpoint(path, "it is not JSON") from error
    if not isinstance(value, dict):
        raise DamagedCheckpoint(path, "it holds no object")
    return value
