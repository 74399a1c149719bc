"""Options and steps that several commands share."""

import pathlib
from typing import Annotated

import typer

from kzoo.errors import InputError

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of words.")
]

Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="tensorflow|jax|torch",
        help="What Keras computes with; by default KERAS_BACKEND, keras.json, or the "
        "first one installed.",
    ),
]

BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", help="Texts run at once.", min=1)
]

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run folder, a Hugging Face folder, or hf://NAME."
    ),
]


def open_model(run: str, name: str | None = None):
    """Return the model of a run folder, a Hugging Face folder or the hub.

    Args:
        run: The source.
        name: The model class that it should be; None is whichever it is.

    Returns:
        The model, with its tokenizer.

    Raises:
        InputError: If it is none, of another class, or has no tokenizer.
    """
    from kzoo import models
    from kzoo.cli.families import class_name, family_of

    if not run.startswith("hf://") and not pathlib.Path(run).is_dir():
        raise InputError(
            "A run is a folder that kzoo train wrote, or one of Hugging Face.",
            f"run={run!r}, which is no folder",
            "Check the path.",
        )
    model = getattr(models, name or class_name(family_of(run))).from_preset(run)
    model.require_tokenizer()
    return model
