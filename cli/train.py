"""`kzoo train`: from data to a run folder."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli import run_folder
from kzoo.cli.adaptation_options import AdaptationOptions
from kzoo.cli.backend import choose_backend
from kzoo.cli.common import Backend, Json
from kzoo.cli.console import Console
from kzoo.cli.data_options import Data, DataOptions
from kzoo.cli.families import check_family
from kzoo.cli.job import Job
from kzoo.cli.language_model_options import LanguageModelOptions
from kzoo.cli.option_groups import with_groups
from kzoo.cli.train_options import ModelOptions, TrainOptions
from kzoo.cli.translator_options import TranslatorOptions


@with_groups
def train(
    family: Annotated[
        str,
        typer.Argument(
            metavar="FAMILY", help="What to train: classifier, translator or gpt2."
        ),
    ],
    *,
    spec: Data,
    out: Annotated[
        pathlib.Path,
        typer.Option("--out", metavar="RUN", help="The run folder to write."),
    ],
    validation: Annotated[
        str | None,
        typer.Option(
            "--validation",
            metavar="SPEC",
            help="Data to validate on; by default the validation split of --data.",
            rich_help_panel="Data",
        ),
    ] = None,
    data: DataOptions,
    model: ModelOptions,
    options: TrainOptions,
    language: LanguageModelOptions,
    translator: TranslatorOptions,
    adaptation: AdaptationOptions,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Write over an older run."),
    ] = False,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Train a model and keep its best weights in a run folder.

    Settings that are not given come from the preset's recipe. The run
    folder holds config.json, model.safetensors and tokenizer/ (what
    from_preset opens), the history as csv and jsonl, and training.json,
    the record of it all. Ctrl-C ends a training after the running step;
    the run folder stays usable.
    """
    check_family(family)
    from kzoo.cli.training_job import run_training

    job = Job(
        spec, validation, out, data, model, options, family, language, translator,
        adaptation,
    )  # fmt: skip
    job.check()
    run_folder.check_free(out, overwrite)
    choose_backend(backend)
    console = Console(json)
    record = run_training(job, console)
    console.say(f"Run folder: {out}")
    console.say(f"Next: kzoo evaluate {out} --data {spec}")
    console.finish({"run": str(out), **record})
