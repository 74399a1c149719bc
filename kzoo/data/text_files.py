"""Bytes and text of a file, plain or gzipped, with errors that name the place."""

import gzip
import pathlib
import zlib
from typing import IO

from kzoo.errors import InputError


def open_bytes(path: pathlib.Path) -> IO[bytes] | gzip.GzipFile:
    """Open a file for reading bytes; `.gz` is decompressed on the way.

    Args:
        path: The file.

    Returns:
        A binary stream.

    Raises:
        InputError: If the file is missing, a folder, or may not be read.
    """
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rb")
        return open(path, "rb")
    except OSError as error:
        raise InputError(
            "A data file exists and can be read.",
            f"path={str(path)!r} ({error.strerror})",
            "Check the path.",
        ) from error


def read_bytes(path: pathlib.Path) -> bytes:
    """Return the whole content of a file, decompressed.

    Args:
        path: The file.

    Returns:
        Its bytes.

    Raises:
        InputError: If it cannot be read, or is not the gzip file it claims to be.
    """
    with open_bytes(path) as stream:
        try:
            return stream.read()
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise damaged_gzip(path, error) from error
        except OSError as error:
            raise InputError(
                "A data file exists and can be read.",
                f"path={str(path)!r} ({error.strerror})",
                "Check the path.",
            ) from error


def damaged_gzip(path: object, error: Exception) -> InputError:
    """Return the error for a `.gz` file that does not decompress to its end."""
    return InputError(
        "A .gz file decompresses to its end.",
        f"path={str(path)!r} ({error})",
        "Copy or download it again; a file that was never gzipped is renamed.",
    )


def read_text(path: pathlib.Path, encoding: str = "utf-8") -> str:
    r"""Return the content of a file as text; line breaks stay as they are.

    A byte order mark at the start is dropped.

    Args:
        path: The file.
        encoding: Any codec that Python knows.

    Returns:
        The text.

    Raises:
        InputError: If the encoding is unknown, or the bytes do not fit it; the
            message names the line and the byte.
    """
    data = read_bytes(path)
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise InputError(
            "An encoding is one that Python knows.",
            f"encoding={encoding!r}",
            "Pass utf-8, latin-1, cp1252, utf-16 or another of Python's codecs.",
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise not_in_encoding(path, encoding, error, line) from error
    return text.removeprefix("\ufeff")


def not_in_encoding(
    path: object, encoding: str, error: UnicodeDecodeError, line: int | None = None
) -> InputError:
    """Return the error for bytes that are not text in the encoding.

    Args:
        path: The file.
        encoding: What they should have been.
        error: What Python found.
        line: The line, from 1; the offset then counts from the start of what was
            decoded, the file or the line.

    Returns:
        The error, to be raised by the caller.
    """
    at = "" if line is None else f"line {line}, "
    return InputError(
        f"A data file is text in {encoding}.",
        f"file={str(path)!r}, {at}byte offset {error.start} "
        f"(0x{error.object[error.start]:02x})",
        "Convert the file to UTF-8, or name its encoding: encoding='cp1252' "
        "(--encoding cp1252).",
    )
