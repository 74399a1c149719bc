"""`kzoo translate`: texts in, translations out, in their order, as they come."""

import contextlib
import json as json_format
import pathlib
import sys
from collections.abc import Iterator
from typing import Annotated, TextIO

import typer

from kzoo.cli.arriving import cell, chunks, count_lines
from kzoo.cli.backend import choose_backend
from kzoo.cli.bars import bar
from kzoo.cli.common import Backend, BatchSize, Run, open_model
from kzoo.cli.evaluate import as_json_text, printable
from kzoo.cli.option_groups import with_groups
from kzoo.cli.translating_options import TranslatingOptions
from kzoo.cli.translation_scoring import check_lengths
from kzoo.errors import InputError

_READ_AHEAD = 8  # batches that are sorted by length together


@with_groups
def translate(
    run: Run,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; without any, standard input."),
    ] = None,
    *,
    source: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--input", metavar="FILE", help="A file of one text in each line (.gz too)."
        ),
    ] = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write the translations there, which appears when all are done.",
        ),
    ] = None,
    search: TranslatingOptions,
    prefix: Annotated[
        str | None,
        typer.Option("--prefix", metavar="TEXT", help="How every translation begins."),
    ] = None,
    num_results: Annotated[
        int,
        typer.Option(
            "--num-results",
            metavar="N",
            help="Translations of each text, the best first, a line each.",
            min=1,
        ),
    ] = 1,
    scores: Annotated[
        bool,
        typer.Option("--scores", help="Put the score and a tab before each."),
    ] = False,
    batch_size: BatchSize = 16,
    backend: Backend = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object for each text."),
    ] = False,
) -> None:
    r"""Translate texts: a line for each, in their order, as soon as it is there.

    A tab or line break inside a translation is printed as \t or \n. A
    text that is too long for the model is refused; --split-sentences
    translates it sentence by sentence.
    """
    if texts and source is not None:
        raise InputError(
            "Texts come from the command line or from a file.",
            "TEXT beside --input",
            "Leave one of them out.",
        )
    choose_backend(backend)
    from kzoo.data import iter_texts
    from kzoo.generation.translation import iter_translations

    total = None
    if texts:
        parts = iter(texts)
        total = len(texts)
    elif source is not None:
        parts = iter_texts(source, format="txt")
        total = count_lines(source)
    else:
        parts = iter_texts(sys.stdin.buffer, format="txt")
    model = open_model(run, "Translator")
    options = {
        **search.given(),
        "prefix": prefix,
        "num_results": num_results,
        "batch_size": batch_size,
    }
    quiet = json or (output is None and sys.stdout.isatty())
    done = 0
    with _lines_to(output) as file, bar("translating", quiet=quiet) as progress:
        for chunk in chunks(parts, batch_size * _READ_AHEAD):
            chunk = [printable(text) for text in chunk]
            check_lengths(model, chunk, bool(search.split_sentences), done)
            for text, found in zip(
                chunk, iter_translations(model, chunk, **options), strict=True
            ):
                write = _json_line if json else _lines
                print(write(text, found, scores), file=file)
            file.flush()
            done += len(chunk)
            progress(done, None if total is None else max(total, done))


@contextlib.contextmanager
def _lines_to(output: pathlib.Path | None) -> Iterator[TextIO]:
    """Give the file that lines go to; a named one appears whole or not at all."""
    from kzoo.files import replacing

    if output is None:
        yield sys.stdout
        return
    if output.is_dir():
        raise InputError(
            "Translations are written into a file.",
            f"--output {output}, which is a folder",
            "Name a file in it.",
        )
    with replacing(output) as temporary:
        with open(temporary, "w", encoding="utf-8") as file:
            yield file


def _lines(text: str, found: list, scores: bool) -> str:
    return "\n".join(
        f"{one.score:.4f}\t{cell(one.text)}" if scores else cell(one.text)
        for one in found
    )


def _json_line(text: str, found: list, scores: bool) -> str:
    value = {"text": as_json_text(text), "translation": found[0].text}
    if scores or len(found) > 1:
        value["score"] = found[0].score
        value["results"] = [
            {"translation": one.text, "score": one.score} for one in found
        ]
    return json_format.dumps(value, ensure_ascii=False)
