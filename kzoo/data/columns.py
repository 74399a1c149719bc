"""Which columns of a table hold the text, the second text and the label."""

import dataclasses

from kzoo.data.tables import Table
from kzoo.errors import InputError

TEXT_NAMES = (
    "text", "sentence", "review", "content", "comment", "tweet", "message", "body",
    "document", "utterance", "description", "question", "query", "reviewtext",
    "review_text", "review_body",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "sentiment", "category", "target", "polarity",
    "intent", "topic", "label_name", "class_name", "class_index",
)  # fmt: skip
PAIR_NAMES = (
    ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"),
    ("text1", "text2"), ("text_a", "text_b"), ("sentence_a", "sentence_b"),
    ("question", "sentence"),
)  # fmt: skip
_ROW_NUMBERS = ("id", "idx", "index", "")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Positions of the chosen columns, from 0.

    Args:
        text: The columns whose cells, joined with a space, are the text.
        pair: The same for the second text; empty where there is none.
        label: The column of the label, or `None`.
        header: Whether the first row holds names and not an example.
    """

    text: tuple[int, ...]
    pair: tuple[int, ...]
    label: int | None
    header: bool


def choose_columns(
    table: Table,
    *,
    text_column: str | int | None = None,
    label_column: str | int | None = None,
    pair_column: str | int | None = None,
    header: bool | None = None,
    require_labels: bool = True,
) -> Columns:
    """Find the columns: those the caller names, else those that are obvious.

    A column is named by its header name or by its number from 1; `"2+3"` (or
    `"title+body"`) joins two. Obvious are the usual names (`text`, `sentence`,
    `label`, ...) in a header, and without a header two columns of which one holds a
    few labels, over and over, and the other hardly ever the same text twice.

    Args:
        table: The table; a header row is still among its rows.
        text_column: The text.
        label_column: The label.
        pair_column: The second text.
        header: Whether the first row is a header; `None` finds out.
        require_labels: Whether a missing label column is an error.

    Returns:
        The columns. What was found, and not given, is added to `table.notes`.

    Raises:
        InputError: If a named column does not exist or none is obvious.
    """
    if not table.rows:
        raise InputError(
            "A data file holds at least one row.",
            f"file={str(table.path)!r}, which is empty",
            "Check the path.",
        )
    asked = [c for c in (text_column, pair_column, label_column) if c is not None]
    names = _header_names(table, asked, header)
    if names is None and header is None and label_column is not None:
        position = column_position(label_column, table, None)
        if _first_label_is_a_name(table, position):
            names = [str(cell).strip() for cell in table.rows[0]]
            table.notes.append(
                f"{table.path.name}: the first row was taken for a header, since its "
                f"label {table.rows[0][position]!r} is no other row's"
            )
    text = _positions(text_column, table, names) if text_column is not None else ()
    pair = _positions(pair_column, table, names) if pair_column is not None else ()
    label = None
    if label_column is not None:
        label = column_position(label_column, table, names)
    if not text or (label is None and require_labels):
        text, pair, label = _sniff(table, names, text, pair, label, require_labels)
        if not require_labels and label_column is None:
            label = None
        _note(table, names, text, pair, label)
    is_row = table.names is None and names is not None
    return Columns(text, pair, label, header=is_row)


def _header_names(table: Table, asked: list, header: bool | None):
    """Return the column names, or None where the file has none."""
    if table.names is not None:
        return table.names
    first = [str(cell).strip() for cell in table.rows[0]]
    if header is not None:
        return first if header else None
    known = {*TEXT_NAMES, *LABEL_NAMES, *(name for two in PAIR_NAMES for name in two)}
    wanted = {part for column in asked for part in _parts(column)}
    if not all(part.isdigit() for part in wanted) or known.intersection(
        name.lower() for name in first
    ):
        return first
    return None


def _parts(column: str | int) -> list[str]:
    return [part.strip() for part in str(column).split("+")]


def _positions(column, table: Table, names) -> tuple[int, ...]:
    if names is not None and str(column) in names:
        return (names.index(str(column)),)
    return tuple(column_position(part, table, names) for part in _parts(column))


def column_position(column: str | int, table: Table, names) -> int:
    """Return the position, from 0, of a column given by name or number from 1.

    Args:
        column: The column.
        table: Its table.
        names: The names of the columns, or `None` where there are none.

    Returns:
        The position.

    Raises:
        InputError: If there is no such column.
    """
    column = str(column)
    count = len(names) if names is not None else len(table.rows[0])
    if names is not None:
        lowered = [name.lower() for name in names]
        if column in names:
            return names.index(column)
        if lowered.count(column.lower()) == 1:
            return lowered.index(column.lower())
    if column.isdigit() and 1 <= int(column) <= count:
        return int(column) - 1
    raise InputError(
        "A named column is in the file.",
        f"column={column!r}, file={str(table.path)!r}",
        f"Its columns: {describe_columns(table, names)}.",
    )


def describe_columns(table: Table, names) -> str:
    """Return the columns of a table for an error: number, and name or first cell."""
    if names is not None:
        return ", ".join(f"{i} {name!r}" for i, name in enumerate(names, 1))
    cells = (str(cell) for cell in table.rows[0])
    short = (cell if len(cell) <= 24 else cell[:21] + "..." for cell in cells)
    return ", ".join(f"{i} (first cell {cell!r})" for i, cell in enumerate(short, 1))


def _first_label_is_a_name(table: Table, position: int) -> bool:
    labels = [str(row[position]).strip() for row in table.rows if len(row) > position]
    rest = labels[1:]
    if len(rest) < 4 or labels[0] in rest:
        return False
    return len(set(rest)) <= len(rest) // 2 and not labels[0].lstrip("-").isdigit()


def _sniff(table: Table, names, text, pair, label, require_labels):
    if names is None:
        if not text and not pair and len(table.rows[0]) == 1 and not require_labels:
            return (0,), (), None
        found = _sniff_two_columns(table, text, label)
    else:
        found = _sniff_names(names, text, pair, label)
    text, pair, label = found
    missing = [] if text else ["text"]
    if label is None and require_labels:
        missing.append("label")
    if not missing:
        return text, pair, label
    example = "3" if names is None else (names or ["text"])[-1]
    raise InputError(
        "Columns are named where they are not obvious.",
        f"file={str(table.path)!r} with columns {describe_columns(table, names)}",
        f"Name the {' and the '.join(missing)} column, such as "
        f"{missing[0]}_column={example!r} (--{missing[0]}-column {example}); a number "
        "counts from 1, and '2+3' joins two columns.",
    )


def _sniff_names(names, text, pair, label):
    lowered = [name.lower() for name in names]
    if not text and not pair:
        for first, second in PAIR_NAMES:
            if lowered.count(first) == 1 and lowered.count(second) == 1:
                text = (lowered.index(first),)
                pair = (lowered.index(second),)
                break
    taken = {*text, *pair, label}
    if not text:
        text = _one_of(lowered, TEXT_NAMES, taken)
    taken = {*text, *pair, label}
    if label is None:
        label = next(iter(_one_of(lowered, LABEL_NAMES, taken)), None)
    others = [
        i
        for i, name in enumerate(lowered)
        if i not in {*text, *pair, label} and name not in _ROW_NUMBERS
    ]
    if len(others) == 1 and len(names) == 2:
        if not text and label is not None:
            text = (others[0],)
        elif label is None and text and lowered[others[0]] not in TEXT_NAMES:
            label = others[0]
    return text, pair, label


def _one_of(lowered, known, taken) -> tuple[int, ...]:
    found = [i for i, name in enumerate(lowered) if name in known and i not in taken]
    best = [i for i in found if lowered[i] == known[0]]
    if len(best) == 1:
        return (best[0],)
    return (found[0],) if len(found) == 1 else ()


def _sniff_two_columns(table: Table, text, label):
    """Tell label from text by how often their cells repeat."""
    if len(table.rows[0]) != 2:
        return text, (), label
    if text or label is not None:
        other = 1 - (text[0] if text else label)
        return text or (other,), (), other if label is None else label
    rows = [row for row in table.rows if len(row) == 2]
    distinct = [len({row[i] for row in rows}) for i in (0, 1)]
    label = 0 if distinct[0] < distinct[1] else 1
    few = distinct[label] <= min(1000, len(rows) // 2)
    if few and distinct[1 - label] > len(rows) // 2:
        return (1 - label,), (), label
    return (), (), None


def _note(table: Table, names, text, pair, label) -> None:
    def called(position):
        return repr(names[position]) if names is not None else f"{position + 1}"

    parts = [f"text from column {'+'.join(map(called, text))}"]
    if pair:
        parts.append(f"second text from column {'+'.join(map(called, pair))}")
    if label is not None:
        parts.append(f"label from column {called(label)}")
    table.notes.append(f"{table.path.name}: {', '.join(parts)}")
