"""The digests of a folder's files, by which a later reader finds any damage."""

import hashlib
import json
import os
import pathlib
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from kzoo.errors import InputError
from kzoo.files import replacing

FORMAT = "kzoo-digests-1"
DIGESTS = "manifest.json"
_MOST = 1 << 20  # bytes of a manifest
_CHUNK = 1 << 20

# What a file may be: one of these (size, sha256) pairs. There are two while one file
# takes the place of another.
Versions = tuple[tuple[int, str], ...]


def version_of(path: str | os.PathLike) -> tuple[int, str]:
    """Return the size and sha256 of a file.

    Args:
        path: The file; a link is none.

    Raises:
        OSError: If it cannot be read, or is no plain file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no plain file")
        digest, size = hashlib.sha256(), 0
        while part := file.read(_CHUNK):
            digest.update(part)
            size += len(part)
    return size, digest.hexdigest()


def write_digests(folder: pathlib.Path, files: Mapping[str, Versions]) -> None:
    """Write the manifest of a folder, whole or not at all.

    Args:
        folder: The folder.
        files: What each file may be, by its path in the folder, as `tokenizer/a.json`.
    """
    with replacing(folder / DIGESTS) as temporary:
        temporary.write_bytes(_text(files))


def digests_of(folder: pathlib.Path, names: Iterable[str]) -> dict[str, Versions]:
    """Return what files of a folder are now, as `write_digests` takes it."""
    return {name: (version_of(folder / name),) for name in names}


def read_digests(folder: pathlib.Path) -> dict[str, Versions] | None:
    """Return what a folder's manifest names, or None if it has no manifest of ours.

    Args:
        folder: The folder.

    Raises:
        InputError: If the manifest is damaged.
    """
    path = folder / DIGESTS
    if not path.exists():
        return None
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST + 1)
        value = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"unreadable: {type(error).__name__}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return None
    try:
        files = {
            str(name): tuple((int(size), str(digest)) for size, digest in versions)
            for name, versions in value["files"].items()
        }
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(path, "it is no manifest") from error
    # There is one text for each content, so that every bit of it counts.
    if _text(files) != text:
        raise _damaged(path, "its own digest does not fit")
    return files


def verify(folder: str | os.PathLike, *, required: bool = False) -> set[str] | None:
    """Raise unless every file that a folder's manifest names is what was written.

    Args:
        folder: The folder.
        required: Whether it must have a manifest.

    Returns:
        The names of the files that were checked; None for a folder without manifest.

    Raises:
        InputError: If a file is missing, damaged, a link, or named outside the folder.
    """
    folder = pathlib.Path(folder)
    files = read_digests(folder)
    if files is None:
        if required:
            raise _damaged(folder / DIGESTS, "it is missing or foreign")
        return None
    for name, versions in files.items():
        path = folder / _inside(folder, name)
        try:
            found = version_of(path)
        except OSError as error:
            raise _damaged(path, error.strerror or str(error)) from error
        if found not in versions:
            sizes = {size for size, _ in versions}
            reason = "its sha256 is not the manifest's"
            if found[0] not in sizes:
                reason = f"{found[0]} bytes, not {' or '.join(map(str, sorted(sizes)))}"
            raise _damaged(path, reason)
    return set(files)


def _inside(folder: pathlib.Path, name: str) -> str:
    """Return a name that leads nowhere out of its folder.

    Raises:
        InputError: If it does.
    """
    parts = name.split("/")
    if "\\" in name or not all(parts) or any(p in (".", "..") for p in parts):
        raise _damaged(folder / DIGESTS, f"it names {json.dumps(name[:80])}")
    if any((folder / "/".join(parts[:n])).is_symlink() for n in range(1, len(parts))):
        raise _damaged(folder / name, "a folder on its way is a link")
    return name


def _text(files: Mapping[str, Versions]) -> bytes:
    body: dict[str, Any] = {
        "format": FORMAT,
        "files": {name: [list(v) for v in files[name]] for name in sorted(files)},
    }
    digest = hashlib.sha256(_canonical(body)).hexdigest()
    return _canonical({**body, "digest": digest}) + b"\n"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=True).encode()


def _damaged(path: pathlib.Path, reason: str) -> InputError:
    return InputError(
        "A file must be what was written, to the bit.",
        f"{path}: {reason}",
        "It was damaged or changed: copy the folder again. If the change is meant, "
        f'take {DIGESTS} away, and "manifest" out of config.json.',
    )
