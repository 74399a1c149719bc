"""`kzoo generate`: prompts in, completions out, as they are written."""

import json as json_format
import pathlib
import sys
from typing import Annotated

import typer

from kzoo.cli.arriving import cell, chunks, count_lines
from kzoo.cli.backend import choose_backend
from kzoo.cli.bars import bar
from kzoo.cli.common import Backend, BatchSize, Run, open_model
from kzoo.cli.evaluate import as_json_text, printable
from kzoo.cli.option_groups import with_groups
from kzoo.cli.sampling_options import SamplingOptions, sampler_of
from kzoo.errors import InputError


@with_groups
def generate(
    run: Run,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Prompts; without any, standard input."),
    ] = None,
    *,
    source: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--input", metavar="FILE", help="A file of one prompt in each line."
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            metavar="N",
            help="Tokens at most; by default 64, or what the context leaves.",
        ),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            "--stop",
            metavar="TEXT",
            help=r"Ends a completion, \n being a line break; can be repeated.",
        ),
    ] = None,
    truncate: Annotated[
        bool,
        typer.Option(
            "--truncate",
            help="Read the end of a prompt that is too long, and let the text move on "
            "beyond the context.",
        ),
    ] = False,
    sampling: SamplingOptions,
    batch_size: BatchSize = 16,
    backend: Backend = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object for each prompt."),
    ] = False,
) -> None:
    r"""Continue prompts. A TEXT is printed with what follows, as it is written.

    Prompts of a file or of standard input give one line each, the
    completion alone; a line break inside it is printed as \n.
    """
    if texts and source is not None:
        raise InputError(
            "Prompts come from the command line or from a file.",
            "TEXT beside --input",
            "Leave one of them out.",
        )
    choose_backend(backend)
    sampler = sampler_of(sampling)
    model = open_model(run, "GPT2CausalLM")
    options = {
        "max_new_tokens": max_new_tokens,
        "stop": [_unescaped(text) for text in stop or ()],
        "truncate": "left" if truncate else None,
        "sampler": sampler,
        "repetition_penalty": sampling.repetition_penalty,
        "batch_size": batch_size,
    }
    if texts and not json:
        _write(model, texts, options)
    else:
        _lines(model, texts, source, options, json)


def _write(model, texts, options) -> None:
    """Print each prompt and its completion, as it comes where that can be."""
    from kzoo.generation import Search

    streams = not isinstance(options["sampler"], Search)
    for text in texts:
        pieces = model.generate(
            text, **options, **({"stream": True} if streams else {})
        )
        print(printable(text), end="", flush=True)
        for piece in pieces:
            shown = piece.text if streams else piece
            print(printable(shown), end="", flush=True)
        print()


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _lines(model, texts, source, options, json) -> None:
    from kzoo.data import iter_texts

    total = None
    if texts:
        parts = iter(texts)
    elif source is not None:
        parts = iter_texts(source, format="txt")
        total = count_lines(source)
    else:
        parts = iter_texts(sys.stdin.buffer, format="txt")
    quiet = json or source is None or sys.stdout.isatty()
    with bar("generating", quiet=quiet) as progress:
        done = 0
        for chunk in chunks(parts, options["batch_size"]):
            completions = model.generate(chunk, **options)
            for text, completion in zip(chunk, completions, strict=True):
                print(_json_line(text, completion) if json else cell(completion))
            sys.stdout.flush()
            done += len(chunk)
            progress(done, None if total is None else max(total, done))


def _json_line(text, completion) -> str:
    value = {"prompt": as_json_text(text), "completion": completion}
    return json_format.dumps(value, ensure_ascii=False)
