"""`kzoo convert`: between run folders and Hugging Face folders."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.backend import choose_backend
from kzoo.cli.common import Backend, Json
from kzoo.cli.console import Console
from kzoo.cli.families import class_name, family_of
from kzoo.errors import InputError, unknown_name

FORMATS = ("kzoo", "transformers")


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="A run, a Hugging Face folder, a CTranslate2 folder, or hf://NAME.",
        ),
    ],
    target: Annotated[
        pathlib.Path, typer.Argument(metavar="DST", help="The folder to write.")
    ],
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="kzoo|transformers", help="What to write."),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that is not empty.")
    ] = False,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Write a model as a kzoo folder, or as one that transformers opens."""
    if to not in FORMATS:
        raise unknown_name("format", to, FORMATS)
    if target.exists() and not target.is_dir():
        raise InputError("DST is a folder.", f"DST={target}, a file", "Name another.")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise InputError(
            "A conversion does not write over what is there.",
            f"DST={target}, which is not empty",
            "Name another folder, or pass --overwrite.",
        )
    choose_backend(backend)
    from kzoo import models
    from kzoo.models.presets import list_presets

    if source in list_presets() and not pathlib.Path(source).is_dir():
        raise InputError(
            "A conversion starts from trained weights.",
            f"SRC={source}, a preset with random ones",
            "Train it first: kzoo train.",
        )
    family = family_of(source)
    model = getattr(models, class_name(family)).from_preset(source)
    if to == "kzoo":
        model.save_to_preset(target)
    else:
        model.export_to_transformers(target)
    console = Console(json)
    files = sorted(
        str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()
    )
    console.say(f"{source} -> {target} ({to}): {', '.join(files)}")
    console.finish(
        {
            "source": source,
            "target": str(target),
            "to": to,
            "family": family,
            "labels": list(getattr(model, "label_names", ())),
            "parameters": model.count_params(),
            "files": files,
        }
    )
