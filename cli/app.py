"""The table of subcommands, and how a command line is run."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

import kzoo
from kzoo.cli import exit_status
from kzoo.cli.backend import quiet_libraries
from kzoo.cli.train import train

app = typer.Typer(
    name="kzoo",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 the work failed, 2 bad arguments or input, "
    "130 interrupted.",
)
app.command()(train)


def _show_version(asked: bool) -> None:
    if asked:
        print(kzoo.__version__)
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Train text models in Keras and ship them as proven SavedModel and ONNX."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    Args:
        arguments: What stands behind `kzoo`.

    Returns:
        0 done; 1 the work failed; 2 bad arguments or input; 130 interrupted. Unless
        it is 0, one line on standard error says why.
    """
    quiet_libraries()
    as_json = "--json" in arguments
    try:
        with warnings.catch_warnings():
            if not os.environ.get("KZOO_DEBUG"):
                warnings.simplefilter("ignore")
            app(list(arguments), standalone_mode=False)
            sys.stdout.flush()
        return exit_status.OK
    except BaseException as error:  # the top: each ends as a status and a line
        return exit_status.report(error, as_json)
