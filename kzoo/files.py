"""Writing files so that a reader sees the old one or the new one, never a part."""

import contextlib
import json
import math
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


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON that every reader takes.

    Args:
        value: What `json.dumps` takes. A number that is not finite, for which JSON
            has no word, becomes null.
        indent: As in `json.dumps`.

    Returns:
        The text.

    Example:
        >>> json_text({"loss": float("inf"), "best": [1.5]})
        '{"loss": null, "best": [1.5]}'
    """
    value = _finite(value)
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all.

    Args:
        path: The file to write.
        value: As for `json_text`.
    """
    with replacing(path) as temporary:
        temporary.write_text(json_text(value, indent=2) + "\n", encoding="utf-8")


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
