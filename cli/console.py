"""What a command says: words for people, or one JSON object for machines."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.measure import Measurement
from rich.table import Table

from kzoo.files import json_text


class Console:
    """The output of one command.

    For people, results go to standard output and progress to standard error. For
    machines, standard output gets one JSON object and nothing else.

    Args:
        as_json: Whether the output is for machines.
        silent: Whether there is no output at all: another process gives it.

    Example:
        >>> Console().say("Two labels.")
        Two labels.
        >>> Console(as_json=True).finish({"labels": 2})
        {"labels": 2}
    """

    def __init__(self, as_json: bool = False, silent: bool = False) -> None:
        self.as_json = as_json or silent
        self.for_people = not as_json  # here, or where it is said
        self.silent = silent
        self._out = RichConsole(
            file=sys.stdout,
            highlight=False,
            markup=False,
            soft_wrap=True,
            quiet=self.as_json,
        )

    def say(self, text: str = "", style: str | None = None) -> None:
        """Print a line for people."""
        self._out.print(text, style=style)

    def heading(self, text: str) -> None:
        """Print the title of the part that follows."""
        self.say()
        self.say(text, style="bold")

    def notes(self, notes: Iterable[str]) -> None:
        """Print what was decided without being asked, a line each."""
        for note in notes:
            self.say(f"  note: {note}", style="dim")

    def table(self, names: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        """Print a table; every column but the first is aligned to the right."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for index, name in enumerate(names):
            table.add_column(name, justify="right" if index else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        # As wide as it is: a cell that is cut tells less than a line that wraps.
        free = self._out.options.update(max_width=10_000)
        before, self._out.width = (
            self._out.width,
            max(Measurement.get(self._out, free, table).maximum, 1),
        )
        self._out.print(table, soft_wrap=True)
        self._out.width = before

    def finish(self, result: dict[str, Any]) -> None:
        """Print the result for machines."""
        if self.as_json and not self.silent:
            print(json_text(result), flush=True)
