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


def open_classifier(run: str):
    """Return the classifier of a run folder, a Hugging Face folder or the hub.

    Args:
        run: The source.

    Returns:
        The model, with its tokenizer.

    Raises:
        InputError: If it is none, or has no tokenizer.
    """
    return _open("TextClassifier", run)


def open_language_model(run: str):
    """Return the GPT-2 of a run folder, a Hugging Face folder or the hub.

    Args:
        run: The source.

    Returns:
        The model, with its tokenizer.

    Raises:
        InputError: If it is none, or has no tokenizer.
    """
    return _open("GPT2CausalLM", run)


def open_translator(run: str):
    """Return the translator of a run folder, a Hugging Face folder or the hub.

    Args:
        run: The source.

    Returns:
        The model, with its tokenizer.

    Raises:
        InputError: If it is none, or has no tokenizer.
    """
    return _open("Translator", run)


def open_model(run: str):
    """Return the model of a run folder, a Hugging Face folder or the hub.

    Args:
        run: The source.

    Returns:
        The model of whichever family it is, with its tokenizer.

    Raises:
        InputError: If it is none, or has no tokenizer.
    """
    from kzoo.cli.families import class_name, family_of

    return _open(class_name(family_of(run)), run)


def _open(name: str, run: str):
    from kzoo import models

    if not run.startswith("hf://") and not pathlib.Path(run).is_dir():
        raise InputError(
            "A run is a folder that kzoo train wrote, or one of Hugging Face.",
            f"run={run!r}, which is no folder",
            "Check the path.",
        )
    model = getattr(models, name).from_preset(run)
    model.require_tokenizer()
    return model
