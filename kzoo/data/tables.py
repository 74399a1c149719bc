"""Rows of a `.csv`, `.tsv`, `.jsonl` or label-first file, with their line numbers."""

import csv
import dataclasses
import io
import json
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator

from kzoo.data.text_files import read_text
from kzoo.errors import InputError, unknown_name

FORMATS = ("csv", "tsv", "jsonl", "label-text")

# Stands for a carriage return inside a row while the csv module looks at it. A
# lone surrogate: decoded text never holds one.
_CARRIAGE_RETURN = "\ud80d"
_LONE_RETURN = re.compile(r"\r(?!\n)")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass
class Table:
    """The rows of one file, before anyone has said what the columns mean.

    Args:
        path: The file.
        names: The column names, or `None` where the file has no names of its own.
        rows: One list of cells per row; a cell that a JSON object lacks is `None`.
        lines: The line number, from 1, at which each row starts.
        notes: What was decided while reading.
    """

    path: pathlib.Path
    names: list[str] | None
    rows: list[list]
    lines: list[int]
    notes: list[str] = dataclasses.field(default_factory=list)


def format_of(path: pathlib.Path, given: str | None = None) -> str:
    """Return the format of a file: the given one, or that of its suffix.

    Args:
        path: The file; a trailing `.gz` does not count.
        given: One of `FORMATS`, or `None`.

    Returns:
        One of `FORMATS`.

    Raises:
        InputError: If the given name or the suffix is unknown.

    Example:
        >>> format_of(pathlib.Path("train.csv.gz"))
        'csv'
    """
    if given is not None:
        if given not in FORMATS:
            raise unknown_name("file format", given, FORMATS)
        return given
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    known = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if suffix.lower() not in known:
        raise InputError(
            "A data file ends in .csv, .tsv or .jsonl, each also with .gz.",
            f"path={str(path)!r}",
            "Rename it, or name its format: format='label-text' (--format label-text) "
            f"or another of {', '.join(FORMATS)}.",
        )
    return known[suffix.lower()]


def read_table(
    path: pathlib.Path,
    *,
    format: str | None = None,
    encoding: str = "utf-8",
    quoting: bool | None = None,
) -> Table:
    r"""Read a whole file into rows. Lines end in `\n` or `\r\n`, nowhere else.

    Args:
        path: The file.
        format: One of `FORMATS`; `None` goes by the suffix.
        encoding: Its encoding.
        quoting: Whether double quotes enclose cells. `None`: yes for csv; for tsv
            only if every cell that starts with a quote is a well-formed quoted cell,
            and no two lines that are rows by themselves would run together.

    Returns:
        The table. Only JSON lines have names yet: whether the first row of another
        format is a header is for the caller to decide.

    Raises:
        InputError: If a row cannot be parsed.
    """
    kind = format_of(path, format)
    text = read_text(path, encoding)
    if kind == "jsonl":
        return _read_json_lines(path, text)
    if kind == "label-text":
        return _read_label_first(path, text)
    notes = []
    if quoting is None:
        quoting = kind == "csv" or _is_well_quoted(text)
        if kind == "tsv" and not quoting and '"' in text:
            notes.append(f"{path.name}: double quotes are read as ordinary characters")
    delimiter = "," if kind == "csv" else "\t"
    rows, lines = [], []
    try:
        for line, row in parse_rows(
            io.StringIO(text, newline="\n"), delimiter, quoting
        ):
            rows.append(row)
            lines.append(line)
    except csv.Error as error:
        after = lines[-1] if lines else 0
        raise InputError(
            "Every quoted cell is closed, and quotes inside it are doubled.",
            f"file={str(path)!r}, the row that starts after line {after} ({error})",
            "Mend the row, or read quotes as ordinary characters: quoting=False "
            "(--no-quoting).",
        ) from error
    return Table(path, None, rows, lines, notes)


def parse_rows(
    lines: Iterable[str], delimiter: str, quoting: bool
) -> Iterator[tuple[int, list[str]]]:
    r"""Yield each row that is not blank, with the number of its first line.

    Args:
        lines: Lines that end in `\n`.
        delimiter: What parts two cells.
        quoting: Whether double quotes enclose cells.

    Yields:
        The line number, from 1, and the cells.
    """
    if not quoting:
        for number, line in enumerate(lines, 1):
            line = line.removesuffix("\n").removesuffix("\r")
            if line:
                yield number, line.split(delimiter)
        return
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    hidden = (_LONE_RETURN.sub(_CARRIAGE_RETURN, line) for line in lines)
    reader = csv.reader(hidden, delimiter=delimiter, strict=True)
    start = 1
    for row in reader:
        if row:
            yield start, [cell.replace(_CARRIAGE_RETURN, "\r") for cell in row]
        start = reader.line_num + 1


def _is_well_quoted(text: str) -> bool:
    if '"' not in text:
        return False
    plain = list(parse_rows(io.StringIO(text, newline="\n"), "\t", False))
    try:
        quoted = list(parse_rows(io.StringIO(text, newline="\n"), "\t", True))
    except csv.Error:
        return False
    lines_are_rows = len({len(row) for _, row in plain}) == 1
    return not lines_are_rows or len(quoted) == len(plain)


def _read_label_first(path: pathlib.Path, text: str) -> Table:
    rows, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if line:
            label, _, rest = line.partition(" ")
            rows.append([label.removeprefix("__label__"), rest])
            lines.append(number)
    return Table(path, ["label", "text"], rows, lines)


def json_object(line: str | bytes, path: object, number: int) -> dict:
    """Return the object on one line of a JSON lines file.

    Args:
        line: The line.
        path: The file, for the error.
        number: The line number, for the error.

    Returns:
        The object.

    Raises:
        InputError: If the line is not one JSON object.
    """
    try:
        record = json.loads(line)
    except ValueError as error:
        record = error
    if not isinstance(record, dict):
        what = record if isinstance(record, ValueError) else type(record).__name__
        raise InputError(
            "Every line of a .jsonl file is one JSON object.",
            f"file={str(path)!r}, line {number} ({what})",
            'Write lines such as {"text": "a fine film", "label": "good"}.',
        )
    return record


def json_cell(value: object) -> object:
    """Return a JSON value as a cell: text with lone surrogates replaced."""
    if isinstance(value, str) and _LONE_SURROGATE.search(value):
        return _LONE_SURROGATE.sub("\ufffd", value)
    return value


def _read_json_lines(path: pathlib.Path, text: str) -> Table:
    records, lines, names = [], [], {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            record = json_object(line, path, number)
            records.append(record)
            lines.append(number)
            names.update(dict.fromkeys(record))
    rows = [[json_cell(record.get(name)) for name in names] for record in records]
    return Table(path, list(names), rows, lines)
