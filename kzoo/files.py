"""Writing files so that a reader sees the old one or the new one, never a part."""

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Give a temporary path whose file takes the place of `path` at the end.

    The file is synced to disk and renamed in one step. If the block raises, the
    temporary file goes and `path` stays as it was.

    Args:
        path: The file to write; its folder is made if it does not exist.

    Yields:
        The path to write to, in the same folder.

    Example:
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with replacing(folder / "a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> (folder / "a.txt").read_text()
        'whole'
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all.

    Args:
        path: The file to write.
        value: What `json.dumps` takes.
    """
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """Return the value of a JSON file.

    Args:
        path: The file to read.

    Returns:
        Its value.

    Raises:
        InputError: If there is no such file, or it is not JSON.
    """
    from kzoo.errors import InputError

    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("The file must exist.", f"path={str(path)!r}") from error
    except (ValueError, OSError) as error:
        raise InputError(
            "The file must hold JSON.",
            f"path={str(path)!r} ({error})",
            "It may be cut short; write or copy it again.",
        ) from error
