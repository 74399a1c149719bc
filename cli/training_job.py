"""What `kzoo train` does for every family, from a job to a run folder."""

import dataclasses
import sys
from typing import Any

from kzoo.cli import families, resuming, run_folder
from kzoo.cli.console import Console
from kzoo.cli.exit_status import Failure, Interrupted, Terminated
from kzoo.cli.job import Job
from kzoo.cli.training_start import Clock
from kzoo.errors import InputError
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
        Interrupted: If the user or a scheduler stopped it; the run folder can be
            opened, and the training gone on with.
    """
    import keras

    from kzoo.models.presets import preset_config
    from kzoo.models.recipes import recipe
    from kzoo.training import set_seed, strategy
    from kzoo.training.distribution.environments import rank_told

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
    chosen = strategy(settings["strategy"], **_of_strategy(job.family, settings))
    if rank_told() and chosen.size == 1:
        raise InputError(
            "Processes that are started as a group train one model together.",
            f"--strategy {settings['strategy']} in process {rank_told()} of a group",
            "Pass --strategy multiworker on TensorFlow, data-parallel on JAX or torch.",
        )
    shared = job.out
    job = dataclasses.replace(job, out=run_folder.of_this_process(shared))
    set_seed(settings["seed"])
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings["precision"])
    try:
        with chosen.scope():
            start = family.start(job, settings, console, clock)
            # A step that makes variables is traced twice by TensorFlow.
            start.model.optimizer.build(start.model.trainable_variables)
    finally:
        keras.config.set_dtype_policy(policy)
    from kzoo.cli.fitting import fit, load_kept

    if job.goes_on:
        resuming.check_found(shared, start)
    else:
        resuming.write_request(job, keras.backend.backend(), start)
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
        "replicas": chosen.num_replicas_in_sync,
        "processes": chosen.size,
        **run_folder.versions(),
    }
    console.heading(
        f"Training {model.count_params():,} parameters on "
        f"{record['backend']} for {settings['total_steps']:,} steps"
    )
    outcome = fit(start, job.out, settings, console, shared=shared)
    clock.lap("fit")
    record.update(outcome.to_record(), seconds=clock.seconds())
    write_json(job.out / run_folder.RECORD, record)
    if outcome.lost:
        raise Failure(outcome.lost)
    if outcome.interrupted:
        raise (Terminated if outcome.terminated else Interrupted)(outcome.interrupted)
    if start.finish is not None:
        chosen.barrier()  # the first process has written what all of them read
        load_kept(model, shared)
        record.update(start.finish())
        clock.lap("measure")
        record["seconds"] = clock.seconds()
        write_json(job.out / run_folder.RECORD, record)
    _tell(record, family.SHOWN, console)
    return record


def _of_strategy(family: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what a strategy is told besides its name."""
    from kzoo.models import layout_map

    told = "devices", "mesh", "micro_batches"
    options = {key: settings[key] for key in told if settings.get(key)}
    if settings["strategy"] == "model-parallel":
        options["layouts"] = layout_map(families.class_name(family))
    return options


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
    console.say(speed_line(record["speed"], record["skipped_steps"]))


def speed_line(speed: dict[str, float], skipped: int) -> str:
    """Return how fast the last epoch was, in one line.

    Args:
        speed: What `ThroughputLog` found out.
        skipped: Steps that were lost and skipped.
    """
    parts = [
        f"{speed[f'{unit}_per_second']:,.0f} {unit}/s"
        for unit in ("examples", "tokens")
        if f"{unit}_per_second" in speed
    ]
    if "step_ms_p50" in speed:
        times = [f"{speed[f'step_ms_p{share}']:,.1f}" for share in (50, 90, 99)]
        parts.append(f"steps of {times[0]} ms (p90 {times[1]}, p99 {times[2]})")
    if "input_wait" in speed:
        parts.append(f"{speed['input_wait']:.1%} waiting for data")
    if "mfu" in speed:
        parts.append(f"MFU {speed['mfu']:.1%}")
    if "peak_memory_mb" in speed:
        parts.append(f"{speed['peak_memory_mb']:,.0f} MB of memory at most")
    if "peak_device_memory_mb" in speed:
        parts.append(f"{speed['peak_device_memory_mb']:,.0f} MB of the device's")
    if skipped:
        parts.append(f"{skipped} steps without a finite loss were skipped")
    return "Speed: " + ", ".join(parts)
