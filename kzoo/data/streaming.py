"""Texts one after another from a file or a stream, without reading all of it."""

import csv
import gzip
import io
import pathlib
import zlib
from collections.abc import Iterator
from typing import IO

from kzoo.data.columns import choose_columns
from kzoo.data.examples import Text
from kzoo.data.tables import Table, format_of, json_cell, json_object, parse_rows
from kzoo.data.text_files import damaged_gzip, not_in_encoding, open_bytes
from kzoo.errors import InputError, unknown_name

STREAM_FORMATS = ("txt", "csv", "tsv", "jsonl")


def iter_texts(
    source: str | pathlib.Path | IO[bytes],
    *,
    format: str | None = None,
    text_column: str | int | None = None,
    pair_column: str | int | None = None,
    header: bool | None = None,
    quoting: bool | None = None,
    encoding: str | None = None,
) -> Iterator[Text]:
    r"""Return an iterator over the texts of a file or a stream, as they arrive.

    A plain text file holds one text per line; a line ends in `\n` or `\r\n` and
    nowhere else; an empty line is an empty text. A line of it that is not UTF-8
    stays bytes, for the tokenizer to make the best of. What is found out about
    columns is found out from the first row alone.

    Args:
        source: A path (`.txt`, `.csv`, `.tsv`, `.jsonl`, each also `.gz`), or a
            binary stream such as `sys.stdin.buffer`.
        format: `txt`, `csv`, `tsv` or `jsonl`; `None` goes by the suffix, and is
            `txt` for a stream or another suffix.
        text_column: The column of the text, by name or by number from 1.
        pair_column: The column of a second text.
        header: Whether the first row is a header; `None` finds out from its names.
        quoting: Whether double quotes enclose cells; `None`: in csv only.
        encoding: Decode with this codec and refuse what does not fit it; `None` is
            UTF-8.

    Returns:
        An iterator of texts, or of pairs of texts.

    Raises:
        InputError: If the source cannot be read or a row has no such column; while
            iterating too.

    Example:
        >>> import io
        >>> list(iter_texts(io.BytesIO(b"A fine film.\nDull.\n")))
        ['A fine film.', 'Dull.']
    """
    if isinstance(source, str | pathlib.Path):
        path = pathlib.Path(source).expanduser()
        kind = _format(path, format)
        stream = open_bytes(path)
    else:
        path = pathlib.Path("stdin")
        kind = _format(path, format)
        stream = source
    lines = _lines(stream, path, encoding, owned=stream is not source)
    if kind == "txt":
        return (_without_end(line) for line in lines)
    if kind == "jsonl":
        return _from_json(_decoded(lines, path), path, text_column, pair_column)
    delimiter = "," if kind == "csv" else "\t"
    quoted = kind == "csv" if quoting is None else quoting
    rows = _cells(_decoded(lines, path), path, delimiter, quoted)
    return _from_rows(rows, path, text_column, pair_column, header)


def _format(path: pathlib.Path, given: str | None) -> str:
    if given is not None:
        if given not in STREAM_FORMATS:
            raise unknown_name("format of texts", given, STREAM_FORMATS)
        return given
    try:
        return format_of(path)
    except InputError:
        return "txt"


def _lines(stream, path, encoding: str | None, owned: bool) -> Iterator[str | bytes]:
    """Yield lines with their ends; bytes where they are not UTF-8."""
    try:
        if encoding is None:
            for number, line in enumerate(stream):
                yield _utf8(line.removeprefix(b"\xef\xbb\xbf") if not number else line)
        else:
            with io.TextIOWrapper(stream, encoding, newline="\n") as text:
                for number, line in enumerate(text):
                    yield line.removeprefix("\ufeff") if not number else line
    except UnicodeDecodeError as error:
        raise not_in_encoding(path, encoding or "utf-8", error) from error
    except LookupError as error:
        raise InputError(
            "An encoding is one that Python knows.", f"encoding={encoding!r}"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged_gzip(path, error) from error
    finally:
        if owned:
            stream.close()


def _utf8(line: bytes) -> str | bytes:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line


def _without_end(line: str | bytes) -> str | bytes:
    if isinstance(line, bytes):
        return line.removesuffix(b"\n").removesuffix(b"\r")
    return line.removesuffix("\n").removesuffix("\r")


def _decoded(lines: Iterator[str | bytes], path) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if isinstance(line, bytes):
            try:
                line = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise not_in_encoding(path, "utf-8", error, number) from error
        yield line


def _from_json(lines, path, text_column, pair_column) -> Iterator[Text]:
    chosen = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record = json_object(line, path, number)
        if chosen is None:
            names = list(record)
            table = Table(path, names, [list(record.values())], [number])
            columns = _choose(table, text_column, pair_column, None)
            chosen = [[names[i] for i in some] for some in (columns.text, columns.pair)]
        cells = [[json_cell(record.get(key)) for key in keys] for keys in chosen]
        yield _text(cells, path, number)


def _from_rows(rows, path, text_column, pair_column, header) -> Iterator[Text]:
    columns, width = None, 0
    for number, row in rows:
        if columns is None:
            table = Table(path, None, [row], [number])
            columns = _choose(table, text_column, pair_column, header)
            width = len(row)
            if columns.header:
                continue
        if len(row) != width:
            raise InputError(
                "Every row has as many columns as the first.",
                f"line {number} of {str(path)!r} with {len(row)} columns, the first "
                f"row with {width}",
                "Quote cells that hold the delimiter.",
            )
        yield _text([[row[i] for i in some] for some in (columns.text, columns.pair)],
                    path, number)  # fmt: skip


def _choose(table: Table, text_column, pair_column, header):
    return choose_columns(
        table,
        text_column=text_column,
        pair_column=pair_column,
        header=header,
        require_labels=False,
    )


def _text(cells, path, number: int) -> Text:
    if not all(isinstance(cell, str) for some in cells for cell in some):
        raise InputError(
            "A text column holds text in every row.",
            f"line {number} of {str(path)!r} without",
            "Fill it in, or name another column.",
        )
    first, second = (" ".join(some) for some in cells)
    return (first, second) if cells[1] else first


def _cells(lines, path, delimiter: str, quoting: bool):
    number = 0
    try:
        for number, row in parse_rows(lines, delimiter, quoting):
            yield number, row
    except csv.Error as error:
        raise InputError(
            "Every quoted cell is closed, and quotes inside it are doubled.",
            f"file={str(path)!r}, the row that starts after line {number} ({error})",
            "Mend the row, or pass quoting=False (--no-quoting).",
        ) from error
