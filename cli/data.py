"""`kzoo data`: data sets in and out."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.backend import quiet_stderr
from kzoo.cli.common import Json
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.option_groups import with_groups

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
    data: DataOptions,
    json: Json = False,
) -> None:
    """Write any labelled texts as a TFDS data set, read back as tfds:FOLDER."""
    console = Console(json)
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
