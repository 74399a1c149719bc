"""The table of subcommands, and how a command line is run."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

import kzoo
from kzoo.cli import data, exit_status, plot
from kzoo.cli.backend import quiet_libraries
from kzoo.cli.classify import classify
from kzoo.cli.convert import convert
from kzoo.cli.evaluate import evaluate
from kzoo.cli.export import export, validate
from kzoo.cli.generate import generate
from kzoo.cli.launch import launch
from kzoo.cli.presets import presets
from kzoo.cli.quickstart import quickstart
from kzoo.cli.runs import runs
from kzoo.cli.train import train
from kzoo.cli.translate import translate

app = typer.Typer(
    name="kzoo",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 the work failed, 2 bad arguments or input, "
    "130 interrupted, 143 ended by SIGTERM.",
)
for _command in (
    quickstart,
    train,
    evaluate,
    classify,
    translate,
    generate,
    export,
    validate,
    convert,
    presets,
    runs,
):
    app.command()(_command)
# What stands behind the first word is that command's, options too.
app.command(context_settings={"allow_interspersed_args": False})(launch)
app.add_typer(data.app, name="data")
app.add_typer(plot.app, name="plot")


def _show_version(asked: bool) -> None:
    if asked:
        print(kzoo.__version__)
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Train text models in Keras and ship them as proven SavedModel and ONNX."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    Args:
        arguments: What stands behind `kzoo`.

    Returns:
        0 done; 1 the work failed; 2 bad arguments or input; 130 interrupted; 143
        ended by SIGTERM. Unless it is 0, one line on standard error says why.
    """
    quiet_libraries()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # never fail to print
    as_json = "--json" in arguments
    try:
        with warnings.catch_warnings():
            if not os.environ.get("KZOO_DEBUG"):
                warnings.simplefilter("ignore")
            # Typer returns the status of an Exit, and of a ctrl-C that it caught.
            status = app(list(arguments), prog_name="kzoo", standalone_mode=False)
            sys.stdout.flush()
        if status == exit_status.INTERRUPTED:
            return exit_status.report(KeyboardInterrupt(), as_json)
        return status if isinstance(status, int) else exit_status.OK
    except BaseException as error:  # the top: each ends as a status and a line
        return exit_status.report(error, as_json)
