"""A file, or a folder of one file per split, as a source of examples."""

import pathlib

from kzoo.data.columns import choose_columns
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.sources import RawExamples, Source, rows_at
from kzoo.data.splits import split_in_name
from kzoo.data.tables import Table, format_of, read_table
from kzoo.errors import InputError


def file_source(path: pathlib.Path, options: ReadOptions) -> Source:
    """Return the source that a path names.

    A folder holds one file per split. A single file whose name says a split is that
    split, whole; any other single file is all there is, and its splits are cut.

    Args:
        path: A file or a folder.
        options: The caller's options.

    Returns:
        The source.

    Raises:
        InputError: If nothing is there, or a folder has two files for one split.
    """
    if path.is_dir():
        parts = files_in_folder(path, options)
        share = 0.1
    elif path.exists():
        split = split_in_name(path.name)
        parts = {split or "train": path}
        share = 0.1 if split is None else 0.0
    else:
        raise InputError(
            "A data spec is demo:NAME, tfds:NAME, or a file or folder that exists.",
            f"spec={str(path)!r}",
            "Check the path.",
        )
    names = tuple(name for name in SPLITS if name in parts)
    return Source(str(path), names, lambda name: read_file(parts[name], options), share)


def files_in_folder(
    folder: pathlib.Path,
    options: ReadOptions,
    expected: str = "train.csv, and where there are such validation.csv and test.csv "
    "(or .tsv, .jsonl, .gz)",
) -> dict[str, pathlib.Path]:
    """Return the table of each split that a folder holds.

    Args:
        folder: The folder.
        options: The caller's options.
        expected: What such a folder holds, for the error.

    Returns:
        Split name to file.

    Raises:
        InputError: If there is none, or two for one split.
    """
    if (folder / "dataset_info.json").exists():
        raise InputError(
            "A folder that TFDS wrote is read as tfds:FOLDER.",
            f"spec={str(folder)!r}",
            f"Write tfds:{folder}.",
        )
    found: dict[str, list[pathlib.Path]] = {}
    for path in sorted(folder.iterdir()):
        split = split_in_name(path.name)
        if split is not None and path.is_file() and _is_table(path, options.format):
            found.setdefault(split, []).append(path)
    parts = {}
    for split, paths in found.items():
        bare = [path for path in paths if path.name.split(".")[0].lower() == split]
        paths = bare if len(bare) == 1 else paths
        if len(paths) > 1:
            raise InputError(
                "A folder holds one file per split.",
                f"{split} in {', '.join(repr(path.name) for path in paths)} of "
                f"{str(folder)!r}",
                "Name one of the files, or move the others.",
            )
        parts[split] = paths[0]
    if not parts:
        raise InputError(
            f"A data folder holds {expected}.",
            f"folder={str(folder)!r} without any",
            "Check the path, or name a single file.",
        )
    return parts


def _is_table(path: pathlib.Path, format: str | None) -> bool:
    try:
        by_suffix = format_of(path)
    except InputError:
        return format == "label-text"
    return format in (None, by_suffix)


def read_file(path: pathlib.Path, options: ReadOptions) -> RawExamples:
    """Return every row of one file.

    Args:
        path: The file.
        options: The caller's options.

    Returns:
        The rows.

    Raises:
        InputError: If the file or a row cannot be read.
    """
    table = read_table(
        path,
        format=options.format,
        encoding=options.encoding,
        quoting=options.quoting,
    )
    columns = choose_columns(
        table,
        text_column=options.text_column,
        label_column=options.label_column,
        pair_column=options.pair_column,
        header=options.header,
        require_labels=options.require_labels,
    )
    width = len(table.rows[0])
    rows, lines = table.rows, table.lines
    if columns.header:
        rows, lines = rows[1:], lines[1:]
    check_widths(path, rows, lines, width)
    texts = column_texts(table, rows, lines, columns.text)
    if columns.pair:
        seconds = column_texts(table, rows, lines, columns.pair)
        texts = list(zip(texts, seconds, strict=True))
    labels = None
    if columns.label is not None:
        labels = [_label(row[columns.label]) for row in rows]
    return RawExamples(texts, labels, str(path), lines, notes=tuple(table.notes))


def check_widths(path: pathlib.Path, rows, lines, width: int) -> None:
    """Raise an InputError if some rows of a file do not have `width` columns."""
    bad = [i for i, row in enumerate(rows) if len(row) != width]
    if bad:
        raise InputError(
            "Every row has as many columns as the first.",
            f"{rows_at(lines, bad)} of {str(path)!r} with {len(rows[bad[0]])} columns, "
            f"the first row with {width}",
            "Quote cells that hold the delimiter, or pass quoting=True or False "
            "(--quoting, --no-quoting).",
        )


def column_texts(table: Table, rows, lines, columns: tuple[int, ...]) -> list[str]:
    """Return the cells of some columns, joined by a space, as a text for each row.

    Args:
        table: The table, for its names in messages.
        rows: Those of its rows that are wanted.
        lines: The line of each.
        columns: Positions, from 0.

    Returns:
        The texts.

    Raises:
        InputError: If a cell holds no text.
    """
    bad = [
        i for i, row in enumerate(rows) if not all(_is_text(row[c]) for c in columns)
    ]
    if bad:
        name = table.names[columns[0]] if table.names else str(columns[0] + 1)
        raise InputError(
            "A text column holds text in every row.",
            f"{rows_at(lines, bad)} of {str(table.path)!r} without text in column "
            f"{name!r}",
            "Fill it in, delete the rows, or name another column.",
        )
    if len(columns) == 1:
        return [row[columns[0]] for row in rows]
    return [" ".join(row[c] for c in columns).strip() for row in rows]


def _is_text(cell: object) -> bool:
    return isinstance(cell, str)


def _label(cell: object) -> str:
    """Return a label as text; what a JSON object lacks is the empty label."""
    return "" if cell is None else str(cell).strip()
