"""What `kzoo train` does for every family, from a job to a run folder."""

import dataclasses
import sys
from typing import Any

from kzoo.cli import families, run_folder
from kzoo.cli.console import Console
from kzoo.cli.exit_status import Failure, Interrupted
from kzoo.cli.job import Job
from kzoo.cli.training_start import Clock
from kzoo.files import write_json


def run_training(job: Job, console: Console) -> dict[str, Any]:
    """Train as a job says and return what came of it.

    Args:
        job: The job, checked.
        console: Where to tell about it.

    Returns:
        The run's record, as `training.json` holds it.

    Raises:
        InputError: If the data or an option is not fit.
        Failure: If the loss was lost.
        Interrupted: If the user stopped it; the run folder can be opened.
    """
    import keras

    from kzoo.models.presets import preset_config
    from kzoo.models.recipes import recipe
    from kzoo.training import set_seed, strategy

    family = families.training_of(job.family)
    clock = Clock()
    if job.model.preset is not None:
        preset_config(families.class_name(job.family), job.model.preset)
    # For the settings: the preset's own, then what was asked for.
    settings = recipe(job.model.preset, families.class_name(job.family))
    asked = dataclasses.asdict(job.train)
    if job.family != "classifier":
        asked.update(dataclasses.asdict(job.language))
    if job.family == "translator":
        asked.update(dataclasses.asdict(job.translator))
    settings.update({name: value for name, value in asked.items() if value is not None})
    settings.setdefault("monitor", "val_loss")
    scope = strategy(settings["strategy"]).scope
    set_seed(settings["seed"])
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings["precision"])
    try:
        with scope():
            start = family.start(job, settings, console, clock)
            # A step that makes variables is traced twice by TensorFlow.
            start.model.optimizer.build(start.model.trainable_variables)
    finally:
        keras.config.set_dtype_policy(policy)
    from kzoo.cli.fitting import fit, load_kept

    model = start.model
    record = {
        "command": sys.argv[1:],
        "started": clock.started.isoformat(timespec="seconds"),
        "family": job.family,
        "data": {
            "spec": job.spec,
            "validation": job.validation,
            "options": job.data.read_options(),
            **start.data_record,
        },
        "model": {
            **start.model_record,
            "vocabulary_size": model.tokenizer.vocabulary_size,
            "parameters": model.count_params(),
        },
        "settings": settings,
        **run_folder.versions(),
    }
    console.heading(
        f"Training {model.count_params():,} parameters on "
        f"{record['backend']} for {settings['total_steps']:,} steps"
    )
    outcome = fit(start, job.out, settings, console)
    clock.lap("fit")
    record.update(outcome.to_record(), seconds=clock.seconds())
    write_json(job.out / run_folder.RECORD, record)
    if outcome.lost:
        raise Failure(outcome.lost)
    if outcome.interrupted:
        raise Interrupted(outcome.interrupted)
    if start.finish is not None:
        load_kept(model, job.out)
        record.update(start.finish())
        clock.lap("measure")
        record["seconds"] = clock.seconds()
        write_json(job.out / run_folder.RECORD, record)
    _tell(record, family.SHOWN, console)
    return record


def _tell(record: dict[str, Any], shown: tuple[str, ...], console: Console) -> None:
    metrics = record["metrics"]
    if record["average"] and record["average"]["kept"]:
        metrics = record["average"]["metrics"]
    figures = ", ".join(f"{k} {metrics[k]:.4f}" for k in shown if k in metrics)
    average = record["average"]
    kept = f"epoch {record['best_epoch']} of {record['epochs_done']}"
    if average and average["kept"]:
        kept = f"the mean of the last {average['weights']} weights"
    console.say(f"Kept {kept}: {figures}; {record['seconds']['total']:.0f} s in all")
