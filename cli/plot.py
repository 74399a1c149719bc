"""`kzoo plot`: pictures of runs."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.common import Json
from kzoo.cli.console import Console

app = typer.Typer(no_args_is_help=True, help="Pictures of runs.")


@app.callback()
def _group() -> None:
    """Pictures of runs."""


@app.command()
def history(
    runs: Annotated[
        list[pathlib.Path],
        typer.Argument(metavar="RUN", help="One run folder, or several to compare."),
    ],
    *,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The PNG file; by default history.png in the first run.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw loss and accuracy by epoch, training dashed and validation solid."""
    console = Console(json)
    from kzoo.cli import figures
    from kzoo.training import read_history

    rows = {str(run): read_history(run) for run in runs}
    out = out or runs[0] / "history.png"
    figures.history(rows, out)
    console.say(str(out))
    console.finish({"file": str(out), "runs": list(rows)})
