"""Progress bars for the long steps that are not `fit`."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(
    what: str, unit: str = "texts", quiet: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function that shows how far a step is, on standard error.

    In a terminal it is a bar with the rate and the time left; elsewhere nothing.

    Args:
        what: What is being done.
        unit: What is counted.
        quiet: Whether to show nothing.

    Yields:
        `progress(done, total)`; the total may be None, or change.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stderr, quiet=quiet)
    if quiet or not console.is_terminal:
        yield lambda done, total=None: None
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as live:
        task = live.add_task(what, total=None, rate="")

        def progress(done: int, total: int | None = None) -> None:
            speed = live.tasks[0].speed
            rate = f"{speed:,.0f} {unit}/s" if speed else ""
            live.update(task, completed=done, total=total, rate=rate)

        yield progress
