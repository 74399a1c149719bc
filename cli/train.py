"""`kzoo train`: from data to a run folder."""

import pathlib
from typing import Annotated

import typer

from kzoo.cli import resuming, run_folder
from kzoo.cli.adaptation_options import AdaptationOptions
from kzoo.cli.backend import choose_backend, own_stdout
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
    the record of it all. Ctrl-C or SIGTERM ends a training after the
    running step; the run folder stays usable, and the same command, run
    again, goes on to the same bits.
    """
    check_family(family)
    from kzoo.cli.training_job import run_training
    from kzoo.training.distribution import jax_processes
    from kzoo.training.distribution.environments import rank_told

    job = Job(
        spec, validation, out, data, model, options, family, language, translator,
        adaptation,
    )  # fmt: skip
    job.check()
    follows = rank_told() > 0  # another process writes the run, and tells of it
    if not (follows or resuming.has_begun(out)):
        run_folder.check_free(out, overwrite)  # before anything is loaded
    chosen = choose_backend(backend)
    if chosen == "jax" and jax_processes.processes_told() > 1:
        own_stdout()
    same = resuming.goes_on(job, chosen, overwrite)
    if not (follows or same):
        run_folder.check_free(out, overwrite)
    job.goes_on = same and resuming.has_checkpoint(out)
    console = Console(json, silent=follows)
    record = run_training(job, console)
    console.say(f"Run folder: {out}")
    console.say(f"Next: kzoo evaluate {out} --data {spec}")
    console.finish({"run": str(out), **record})
