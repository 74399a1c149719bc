"""Texts that arrive from a file or a pipe, and lines that are printed of them."""

import pathlib
import queue
import threading
from collections.abc import Iterator

from kzoo.cli.evaluate import printable

# The backslash first: the others bring one.
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def chunks(parts: Iterator, size: int) -> Iterator[list]:
    """Yield what has arrived, up to `size` at once, without waiting for more.

    Args:
        parts: Texts, read in a thread.
        size: How many at most.

    Yields:
        Lists of one text or more.
    """
    arrived: queue.Queue = queue.Queue(maxsize=2 * size)
    end = object()

    def read() -> None:
        try:
            for part in parts:
                arrived.put(part)
            arrived.put(end)
        except BaseException as error:  # raised again where it can be told
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    last = None
    while last is None:
        chunk = [arrived.get()]
        while len(chunk) < size and not _is_last(chunk[-1], end):
            try:
                chunk.append(arrived.get_nowait())
            except queue.Empty:
                break
        if _is_last(chunk[-1], end):
            last = chunk.pop()
        if chunk:
            yield chunk
    if isinstance(last, BaseException):
        raise last


def _is_last(item, end) -> bool:
    return item is end or isinstance(item, BaseException)


def cell(text: str | bytes) -> str:
    """Return a text as one cell of a line, its tabs and line breaks spelt out."""
    line = printable(text)
    for character, name in _ESCAPES.items():
        line = line.replace(character, name)
    return line


def count_lines(path: pathlib.Path) -> int | None:
    """Return about how many texts a file holds, for the time left."""
    if path.suffix == ".gz" or not path.is_file():
        return None
    with open(path, "rb") as file:
        return sum(
            block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")
        )
