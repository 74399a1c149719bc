"""`kzoo export` and `kzoo validate`: artefacts, and whether they are still right."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli.backend import choose_backend, quiet_stderr
from kzoo.cli.common import Backend, Json, Run, open_model
from kzoo.cli.console import Console
from kzoo.cli.exit_status import Failure
from kzoo.cli.export_search_options import ExportSearchOptions
from kzoo.cli.option_groups import with_groups
from kzoo.errors import InputError, unknown_name

FORMATS = ("saved-model", "onnx")


@with_groups
def export(
    run: Run,
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="saved-model|onnx", help="The format.")
    ],
    out: Annotated[
        pathlib.Path,
        typer.Option("--out", metavar="DIR", help="The folder of the artefact."),
    ],
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="float32|float16|int8|int4",
            help="The type of the weights; for onnx.",
        ),
    ] = "float32",
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            metavar="plain|tf-serving|triton|huggingface",
            help="How the files are laid out, and for which server.",
        ),
    ] = "plain",
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="NAME", help="The model's name in a model repository."
        ),
    ] = "model",
    version: Annotated[
        int,
        typer.Option("--version", metavar="N", help="Its version there.", min=1),
    ] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an older artefact.")
    ] = False,
    search: ExportSearchOptions,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Write a model as SavedModel or ONNX, proven equal to it.

    The artefact is validated before it appears, in a process that has
    neither Keras nor kzoo; if it differs, nothing is published.
    """
    if to not in FORMATS:
        raise unknown_name("format", to, FORMATS)
    if to == "saved-model" and precision != "float32":
        raise InputError(
            "A SavedModel holds float32 weights.",
            f"--precision {precision}",
            "Leave it out, or export --to onnx.",
        )
    console = Console(json)
    model = _opened(run, backend)
    report = export_model(
        model,
        out,
        to,
        precision=precision,
        layout=layout,
        name=name,
        version=version,
        overwrite=overwrite,
        **search.given(),
    )
    console.say(report.summary())
    console.finish(report.to_dict())


def export_model(
    model, out: pathlib.Path, to: str, *, precision: str = "float32", **options
):
    """Export a model in a format of the command line and return the report.

    Args:
        model: The model.
        out: The folder of the artefact.
        to: `"saved-model"` or `"onnx"`.
        precision: The type of the weights.
        **options: Other arguments of `kzoo.export`.

    Returns:
        The `ExportReport`.

    Raises:
        InputError: If an option is wrong or the folder is not free.
        ExportError: If the artefact differs or cannot be written.
    """
    with quiet_stderr():
        import tensorflow  # noqa: F401  greets as it is loaded
    from kzoo.export import to_onnx, to_saved_model

    if to == "onnx":
        return to_onnx(model, out, precision=precision, **options)
    return to_saved_model(model, out, **options)


def validate(
    folder: Annotated[
        pathlib.Path,
        typer.Argument(metavar="DIR", help="An artefact that kzoo export wrote."),
    ],
    run: Run,
    *,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Check an artefact against its model again; exit status 1 if it differs.

    Compared are the files' hashes, the weights, the signatures, and the
    answers on inputs of several shapes.
    """
    console = Console(json)
    if not folder.is_dir():
        raise InputError(
            "An artefact is a folder that kzoo export wrote.",
            f"DIR={str(folder)!r}, which is none",
            "Check the path.",
        )
    model = _opened(run, backend)
    from kzoo.export import validate as check

    report = check(folder, model)
    console.say(report.summary())
    console.finish(report.to_dict())
    if not report.passed:
        raise Failure(
            f"{folder} differs from {run}: {' '.join(report.reasons)}", told=True
        )


def _opened(run: str, backend: str | None):
    # Weights do not depend on the backend, and TensorFlow writes the files.
    choose_backend(backend or "tensorflow")
    return open_model(run)
