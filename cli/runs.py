"""`kzoo runs`: a table of runs, and what they differ in."""

import datetime
import pathlib
from typing import Annotated, Any

import typer

from kzoo.cli.common import Json
from kzoo.cli.console import Console
from kzoo.cli.families import check_family
from kzoo.cli.run_records import COLUMNS, RunRecord, differences, find_runs
from kzoo.errors import unknown_name
from kzoo.training.direction import direction

_FALLS = ("rate", "seconds", "steps", "started")  # greatest or latest first


def runs(
    folders: Annotated[
        list[pathlib.Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Run folders, or folders that hold some; by default this one.",
        ),
    ] = None,
    *,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="FAMILY", help="Only runs of this family."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="COLUMN", help=f"One of {', '.join(COLUMNS)}."),
    ] = "run",
    reverse: Annotated[
        bool, typer.Option("--reverse", help="The other way round.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show the settings in which they differ.")
    ] = False,
    json: Json = False,
) -> None:
    """List the runs in folders, and compare them.

    A run that was cut off or whose record is damaged is a line as well.
    """
    console = Console(json)
    if family is not None:
        check_family(family)
    if sort not in COLUMNS:
        raise unknown_name("column", sort, COLUMNS)
    found = [
        run
        for run in find_runs(folders or [pathlib.Path()])
        if family is None or run.record.get("family") == family
    ]
    found = _sorted(found, sort, reverse)
    rows = [run.row() for run in found]
    compared = differences(found) if diff else {}
    result: dict[str, Any] = {"runs": rows}
    if diff:
        result["differences"] = compared
    for run, row in zip(found, rows, strict=True):
        if run.damage:
            row["damage"] = run.damage
    if not found:
        console.say("No runs here: kzoo train writes one.")
    elif diff:
        _tell_differences(found, compared, console)
    else:
        _tell(found, rows, console)
    console.finish(result)


def _sorted(found: list[RunRecord], column: str, reverse: bool) -> list[RunRecord]:
    """Return runs by a column, those without a value last."""

    def key(run: RunRecord):
        row = run.row()
        value = row[column]
        if column == "best":  # of those that are judged by the same
            more = direction(row["by"]) == "max"
            return row["by"], -value if more else value
        return value if isinstance(value, int | float) else str(value)

    falls = (column in _FALLS) != reverse
    known = [run for run in found if run.row()[column] is not None]
    rest = [run for run in found if run.row()[column] is None]
    return [*sorted(known, key=key, reverse=falls), *rest]


def _tell(found: list[RunRecord], rows: list[dict], console: Console) -> None:
    shown = [name for name in COLUMNS if any(row[name] is not None for row in rows)]
    console.table(shown, ([_text(name, row[name]) for name in shown] for row in rows))
    for run in found:
        if run.damage:
            console.notes([f"{run.folder}: {run.damage}"])


def _tell_differences(found, compared: dict[str, list], console: Console) -> None:
    if not compared:
        console.say(f"{len(found)} runs with the same settings.")
        return
    names = [run.folder.name or str(run.folder) for run in found]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in found]
    table = ([name, *map(_cell, values)] for name, values in compared.items())
    console.table(["setting", *names], table)


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 32 else f"{text[:29]}..."


def _text(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "best":
        return f"{value:.4f}"
    if name == "rate":
        return f"{value:,.0f}/s"
    if name == "seconds":
        return str(datetime.timedelta(seconds=round(value)))
    if name == "steps":
        return f"{value:,}"
    if name == "started":
        return str(value)[:16].replace("T", " ")
    return str(value)
