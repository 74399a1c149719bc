"""Which columns of a table are the two sides of a pair, and the pairs in them."""

import pathlib

from kzoo.data.columns import column_position, describe_columns
from kzoo.data.files import check_widths, column_texts
from kzoo.data.options import ReadOptions
from kzoo.data.pairs import Pairs
from kzoo.data.tables import Table, json_cell, read_table
from kzoo.errors import InputError

# (source, target) as headers name them.
PAIR_HEADERS = (
    ("source", "target"), ("src", "tgt"), ("src", "trg"), ("source", "translation"),
    ("source_text", "target_text"), ("text", "translation"),
    ("sentence", "translation"),
)  # fmt: skip
_LANGUAGES = frozenset(
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu ha he "
    "hi hr hu hy id ig is it ja ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms mt "
    "my ne nl nn no om or pa pl ps pt ro ru rw sd si sk sl so sq sr sv sw ta te tg th "
    "tk tl tr tt ug uk ur uz vi xh yi yo zh zu".split()
)


def read_pair_table(path: pathlib.Path, options: ReadOptions) -> Pairs:
    """Return every pair of one table.

    The columns are those named by `source_column` and `target_column`; else those
    that a header calls by the two languages or as in `PAIR_HEADERS`; else, in a table
    of two columns, the first is translated into the second. JSON lines may hold
    `{"translation": {"de": ..., "en": ...}}`.

    Args:
        path: The file.
        options: The caller's options.

    Returns:
        The pairs; their notes say which columns were taken.

    Raises:
        InputError: If the file cannot be read, or it is not clear which columns.
    """
    table = read_table(
        path, format=options.format, encoding=options.encoding, quoting=options.quoting
    )
    if not table.rows:
        raise InputError(
            "A data file holds at least one row.",
            f"file={str(path)!r}, which is empty",
            "Check the path.",
        )
    _unfold(table)
    names = _header(table, options)
    source, target = _columns(table, names, options)
    width, rows, lines = len(table.rows[0]), table.rows, table.lines
    if names is not None and table.names is None:
        rows, lines = rows[1:], lines[1:]
    check_widths(path, rows, lines, width)
    languages = [options.source_language, options.target_language]
    if names is not None:
        called = (names[source], names[target])
        known = _LANGUAGES.union(filter(None, languages))
        if all(name.lower() in known for name in called):
            languages = [a or b for a, b in zip(languages, called, strict=True)]
    return Pairs(
        column_texts(table, rows, lines, (source,)),
        column_texts(table, rows, lines, (target,)),
        *languages,
        notes=tuple(table.notes),
        where=str(path),
    )


def _unfold(table: Table) -> None:
    """Turn a JSON object of two texts, under `translation`, into two columns."""
    if table.names is None or "translation" not in table.names:
        return
    place = table.names.index("translation")
    cells = [row[place] for row in table.rows]
    if not all(isinstance(cell, dict) for cell in cells):
        return
    inner = list(dict.fromkeys(key for cell in cells for key in cell))
    table.names = [*table.names[:place], *inner, *table.names[place + 1 :]]
    table.rows = [
        [*row[:place], *(json_cell(cell.get(key)) for key in inner), *row[place + 1 :]]
        for row, cell in zip(table.rows, cells, strict=True)
    ]


def _header(table: Table, options: ReadOptions) -> list[str] | None:
    """Return the names of the columns, or None where the table has none."""
    if table.names is not None:
        return table.names
    first = [str(cell).strip() for cell in table.rows[0]]
    if options.header is not None:
        return first if options.header else None
    asked = [str(c) for c in (options.source_column, options.target_column) if c]
    if any(not name.isdigit() for name in asked):
        return first
    lowered = [name.lower() for name in first]
    languages = set(filter(None, (options.source_language, options.target_language)))
    if any({*pair} <= {*lowered} for pair in PAIR_HEADERS) or (
        len({*lowered} & {*_LANGUAGES, *(name.lower() for name in languages)}) > 1
    ):
        table.notes.append(f"{table.path.name}: the first row was taken for a header")
        return first
    return None


def _columns(table: Table, names, options: ReadOptions) -> tuple[int, int]:
    asked = (options.source_column, options.target_column)
    found = [None if c is None else column_position(c, table, names) for c in asked]
    width = len(table.rows[0])
    lowered = [name.lower() for name in names or ()]
    if found == [None, None]:
        languages = (options.source_language, options.target_language)
        if all(name and lowered.count(name.lower()) == 1 for name in languages):
            found = [lowered.index(str(name).lower()) for name in languages]
        else:
            found = _by_header(lowered) or found
    # Languages say nothing about columns that have no names.
    unclear = (
        found == [None, None]
        and names is None
        and any((options.source_language, options.target_language))
    )
    if width == 2 and None in found and not unclear:
        if found[0] is None:
            found[0] = 0 if found[1] is None else 1 - found[1]
        if found[1] is None:
            found[1] = 1 - found[0]
    source, target = found
    if source is None or target is None or source == target:
        raise InputError(
            "Two columns are named where it is not obvious what is translated into "
            "what.",
            f"file={str(table.path)!r} with columns {describe_columns(table, names)}, "
            f"source_column={asked[0]!r}, target_column={asked[1]!r}",
            "Pass source_column and target_column (--source-column, --target-column); "
            "a number counts from 1.",
        )
    called = [repr(names[i]) if names else str(i + 1) for i in (source, target)]
    table.notes.append(
        f"{table.path.name}: column {called[0]} is translated into column {called[1]}"
    )
    return source, target


def _by_header(lowered: list[str]) -> list[int | None] | None:
    for pair in PAIR_HEADERS:
        if all(lowered.count(name) == 1 for name in pair):
            return [lowered.index(name) for name in pair]
    return None
