"""`kzoo launch`: one training in several processes of this host."""

import pathlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from kzoo.cli.exit_status import Failure
from kzoo.cli.resuming import REQUEST, parse_every
from kzoo.errors import InputError


def launch(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="train ...", help="A kzoo train command, with all its options."
        ),
    ],
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="How many processes.", min=1)
    ],
    restarts: Annotated[
        int,
        typer.Option(
            "--restarts",
            metavar="K",
            help="Start the group anew this often after a worker was lost, from the "
            "last checkpoint.",
            min=0,
        ),
    ] = 0,
) -> None:
    """Train one model in several processes of this host.

    Each process computes its share of every batch, so that the model is
    the one that a single process would train. The first one writes the
    run folder and shows progress; what others say stands behind their
    number. On a machine with GPUs each process takes an equal share of
    them. For several machines see docs/distribution.md.
    """
    from kzoo.training.distribution import launching

    if command[0] != "train":
        raise InputError(
            "What several processes do together is a training.",
            f"kzoo launch {command[0]}",
            "Write kzoo launch --workers N train ...",
        )
    every = _value(command, "--checkpoint-every")
    if restarts and every and parse_every(every) == (None, None):
        raise InputError(
            "A group is started anew from its last checkpoint.",
            f"--restarts {restarts} with --checkpoint-every {every}",
            "Leave one of them out.",
        )
    status = launching.launch(
        [sys.executable, "-m", "kzoo.cli", *command],
        workers,
        restarts=restarts,
        again=_Again(command),
    )
    if status == 1:
        raise Failure("A worker failed; its own message stands above.", told=True)
    if status:
        raise typer.Exit(status)


class _Again:
    """Returns the command of another start: it goes on from the last checkpoint.

    Until the first start has taken an older run away, `--overwrite` stays: there is
    nothing else yet to go on from.

    Args:
        command: The training's command.
    """

    def __init__(self, command: Sequence[str]) -> None:
        out = _value(command, "--out")
        self._request = pathlib.Path(out, REQUEST) if out else None
        self._older = self._written()

    def _written(self) -> int | None:
        try:
            return self._request.stat().st_mtime_ns if self._request else None
        except OSError:
            return None

    def __call__(self, command: Sequence[str]) -> list[str]:
        if "--overwrite" in command and self._written() in (None, self._older):
            return list(command)
        kept = [part for part in command if part not in ("--overwrite", "--resume")]
        return [*kept, "--resume"]


def _value(command: Sequence[str], option: str) -> str | None:
    """Return the value of an option in a command; the last one counts."""
    found = None
    for part, following in zip(command, (*command[1:], None), strict=True):
        if part == option:
            found = following
        elif part.startswith(f"{option}="):
            found = part.partition("=")[2]
    return found
