"""`kzoo classify`: texts in, labels out, as they come."""

import json as json_format
import pathlib
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from kzoo.cli.arriving import cell, chunks, count_lines
from kzoo.cli.backend import choose_backend
from kzoo.cli.bars import bar
from kzoo.cli.common import Backend, BatchSize, Run, open_model
from kzoo.cli.evaluate import as_json_text
from kzoo.errors import InputError

_READ_AHEAD = 8  # batches that are sorted by length together


def classify(
    run: Run,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; without any, standard input."),
    ] = None,
    *,
    source: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="A .txt file of a text a line, or .csv, .tsv, .jsonl (.gz too).",
        ),
    ] = None,
    pair: Annotated[
        str | None,
        typer.Option("--pair", metavar="TEXT", help="The second text of each TEXT."),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option("--text-column", metavar="COLUMN", help="The text of a table."),
    ] = None,
    pair_column: Annotated[
        str | None,
        typer.Option("--pair-column", metavar="COLUMN", help="Its second text."),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether row one is a header."),
    ] = None,
    quoting: Annotated[
        bool | None,
        typer.Option("--quoting/--no-quoting", help="Whether quotes enclose cells."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME",
            help="Refuse what does not fit it; by default UTF-8, and any other byte "
            "of a .txt file or of standard input is U+FFFD.",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="txt|csv|tsv|jsonl",
            help="The format where no suffix says it.",
        ),
    ] = None,
    batch_size: BatchSize = 32,
    backend: Backend = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object with all scores per text."),
    ] = False,
) -> None:
    r"""Label texts: label, score and text in a line each, in the given order.

    Columns are parted by a tab; a tab or line break inside a text is
    printed as \t or \n. Results appear as soon as they are there.
    """
    if texts and source is not None:
        raise InputError(
            "Texts come from the command line or from a file.",
            "TEXT beside --input",
            "Leave one of them out.",
        )
    if pair is not None and not texts:
        raise InputError(
            "--pair is the second text of TEXT.",
            "--pair without TEXT",
            "For files name --pair-column.",
        )
    reading = {
        "format": format,
        "text_column": text_column,
        "pair_column": pair_column,
        "header": header,
        "quoting": quoting,
        "encoding": encoding,
    }
    choose_backend(backend)
    from kzoo.data import iter_texts

    total = None
    if texts:
        parts = iter([(text, pair) if pair is not None else text for text in texts])
    elif source is not None:
        parts = iter_texts(source, **reading)
        total = count_lines(source)
    else:
        parts = iter_texts(sys.stdin.buffer, **reading)
    model = open_model(run, "TextClassifier")
    quiet = json or source is None or sys.stdout.isatty()
    with bar("classifying", quiet=quiet) as progress:
        done = 0
        for chunk in chunks(parts, batch_size * _READ_AHEAD):
            answers = _answers(model, chunk, batch_size)
            for text, answer in zip(chunk, answers, strict=True):
                print(_json_line(text, answer) if json else _line(text, answer))
            sys.stdout.flush()
            done += len(chunk)
            progress(done, None if total is None else max(total, done))


def _answers(model, texts: list, batch_size: int):
    # Few batch sizes, for backends that compile for each: fill up to a power of two.
    size = 1
    while size < min(len(texts), batch_size):
        size *= 2
    fill = -len(texts) % min(size, batch_size)
    return model.classify([*texts, *[""] * fill], batch_size=batch_size)[: len(texts)]


def _line(text, answer) -> str:
    parts: Iterable = text if isinstance(text, tuple) else (text,)
    cells = (answer.label, f"{answer.score:.4f}", *map(cell, parts))
    return "\t".join(cells)


def _json_line(text, answer) -> str:
    value = {"label": answer.label, "score": answer.score, "scores": answer.scores}
    return json_format.dumps({**value, "text": as_json_text(text)}, ensure_ascii=False)
