"""Writing a checkpoint: a folder that is there, whole and on the disk, or not at all.

Files are written into a folder of another name and synced; then the folder is synced,
renamed in one step, and its parent synced. A reader sees no folder between.
"""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping

from kzoo.training.checkpoints.file_layer import FileLayer, write_all

FORMAT = "kzoo-checkpoint-1"
MANIFEST = "manifest.json"
# All that a checkpoint may hold beside its manifest; the reader opens nothing else.
FILES = ("model.safetensors", "optimizer.safetensors", "arrays.safetensors",
         "state.json")  # fmt: skip
TEMPORARY, TRASH = ".writing-", ".trash-"


def write(
    layer: FileLayer,
    folder: pathlib.Path,
    files: Mapping[str, Iterable[bytes | memoryview]],
) -> None:
    """Write a checkpoint.

    If it raises, what was there before is still there, and what was begun is gone or
    has a name that no reader looks at.

    Args:
        layer: The system calls.
        folder: The checkpoint; its parent exists. A damaged one of this name gives
            way.
        files: The bytes of each file, in parts.

    Raises:
        OSError: If the disk refuses.
    """
    temporary = folder.with_name(TEMPORARY + folder.name)
    if temporary.exists():
        layer.remove_folder(temporary)
    layer.make_folder(temporary)
    try:
        entries = {
            name: _write_file(layer, temporary / name, parts)
            for name, parts in files.items()
        }
        _write_file(layer, temporary / MANIFEST, [manifest_text(entries)])
        layer.sync_folder(temporary)
        if folder.exists():
            throw_away(layer, folder)
        layer.rename(temporary, folder)
    except BaseException:
        with contextlib.suppress(OSError):
            layer.remove_folder(temporary)
        raise
    layer.sync_folder(folder.parent)


def throw_away(layer: FileLayer, folder: pathlib.Path) -> None:
    """Take a checkpoint away: first its name, so that no reader meets a part of it."""
    trash = folder.with_name(TRASH + folder.name)
    if trash.exists():
        layer.remove_folder(trash)
    layer.rename(folder, trash)
    layer.remove_folder(trash)


def manifest_text(entries: Mapping[str, Mapping]) -> bytes:
    """Return a manifest: the only text that these entries may be written as.

    Args:
        entries: `size` and `sha256` of each file.

    Returns:
        JSON, with the digest of the rest of it as its last member.
    """
    body = {"format": FORMAT, "files": {name: dict(entries[name]) for name in entries}}
    digest = hashlib.sha256(_canonical(body)).hexdigest()
    return _canonical({**body, "digest": digest}) + b"\n"


def _canonical(value) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=True).encode()


def _write_file(layer: FileLayer, path: pathlib.Path, parts) -> dict:
    digest, size = hashlib.sha256(), 0
    handle = layer.create(path)
    try:
        for part in parts:
            # Both let other threads run meanwhile: the training does not wait.
            write_all(layer, handle, part)
            digest.update(part)
            size += memoryview(part).nbytes
        layer.sync(handle)
    except BaseException:
        with contextlib.suppress(OSError):
            layer.close(handle)
        raise
    layer.close(handle)
    return {"size": size, "sha256": digest.hexdigest()}
