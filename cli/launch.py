"""`kzoo launch`: one training in several processes of this host."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from kzoo.cli.exit_status import Failure
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
    status = launching.launch(
        [sys.executable, "-m", "kzoo.cli", *command],
        workers,
        restarts=restarts,
        again=_resumed,
    )
    if status == 1:
        raise Failure("A worker failed; its own message stands above.", told=True)
    if status:
        raise typer.Exit(status)


def _resumed(command: Sequence[str]) -> list[str]:
    """Return a training's command, going on from its last checkpoint."""
    kept = [part for part in command if part not in ("--overwrite", "--resume")]
    return [*kept, "--resume"]
