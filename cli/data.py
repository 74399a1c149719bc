"""`kzoo data`: data sets in and out."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.backend import quiet_stderr
from kzoo.cli.common import Json
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.option_groups import with_groups
from kzoo.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Data sets in and out.")


@app.callback()
def _group() -> None:
    """Data sets in and out."""


@app.command()
@with_groups
def prepare(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="What to read, as for kzoo train --data."),
    ],
    folder: Annotated[
        pathlib.Path,
        typer.Argument(metavar="FOLDER", help="NAME/VERSION is written into it."),
    ],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The data set's name.")
    ] = "kzoo_reviews",
    version: Annotated[
        str, typer.Option("--version", metavar="X.Y.Z", help="Its version.")
    ] = "1.0.0",
    file_format: Annotated[
        str,
        typer.Option(
            "--file-format",
            metavar="array_record|tfrecord",
            help="array_record is read without TensorFlow, tfrecord by tf.data.",
        ),
    ] = "array_record",
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            metavar="FOLDER|bpe|characters",
            help="Write text to model as tokens of this tokenizer, or of one trained "
            "on it, into FOLDER itself.",
        ),
    ] = None,
    vocabulary_size: Annotated[
        int | None,
        typer.Option(
            "--vocabulary-size",
            metavar="N",
            help="Tokens of a tokenizer that is trained.",
            min=100,
        ),
    ] = None,
    data: DataOptions,
    json: Json = False,
) -> None:
    """Write texts once, so that every training reads them at once.

    Labelled texts become a TFDS data set, read back as tfds:FOLDER. With
    --tokenizer, text to model becomes a folder of tokens, read back as
    FOLDER and mapped into memory.
    """
    console = Console(json)
    if tokenizer is not None:
        _prepare_tokens(spec, folder, tokenizer, vocabulary_size, data, console)
        return
    with quiet_stderr():
        import tensorflow  # noqa: F401  greets as it is loaded
    import kzoo.data

    target = kzoo.data.prepare(
        spec,
        folder,
        name=name,
        version=version,
        file_format=file_format,
        **data.read_options(),
    )
    console.say(f"{spec} -> tfds:{target}")
    console.finish({"spec": spec, "folder": str(target), "data": f"tfds:{target}"})


def _prepare_tokens(
    spec: str,
    folder: pathlib.Path,
    name: str,
    vocabulary_size: int | None,
    data: DataOptions,
    console: Console,
) -> None:
    import kzoo.data
    from kzoo.cli import corpus_data
    from kzoo.cli.bars import bar
    from kzoo.data.token_files import read_index

    if folder.exists():
        raise InputError(
            "Tokens are written where there is nothing.",
            f"FOLDER {folder}, which exists",
            "Name another folder, or remove it.",
        )
    reading = data.read_options()
    if name in corpus_data.KINDS:
        tokenizer = corpus_data.train_tokenizer(
            name, spec, reading, vocabulary_size, console
        )
    else:
        tokenizer = corpus_data.open_tokenizer(name)
    with bar("tokenising", unit="characters", quiet=console.as_json) as progress:
        kzoo.data.prepare_tokens(spec, folder, tokenizer, progress, **reading)
    splits = read_index(folder)["splits"]
    for split, about in splits.items():
        console.say(
            f"  {split:10}  {about['tokens']:>12,} tokens of {about['characters']:,} "
            "characters"
        )
        console.notes(about["notes"])
    console.say(f"{spec} -> {folder}")
    console.finish(
        {"spec": spec, "folder": str(folder), "data": str(folder), "splits": splits}
    )
