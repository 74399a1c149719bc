"""What `kzoo train classifier` does, from data to a run folder."""

import dataclasses
import datetime
import math
import sys
import time
from typing import Any

from kzoo.cli import run_folder, training_data
from kzoo.cli.console import Console
from kzoo.cli.exit_status import Failure, Interrupted
from kzoo.cli.job import Job, class_weights
from kzoo.cli.overrides import parse_overrides
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

    from kzoo.models.recipes import recipe
    from kzoo.training import set_seed, strategy

    clock = _Clock()
    # For the settings: the preset's own, then what was asked for.
    settings = recipe(job.model.preset)
    asked = dataclasses.asdict(job.train)
    settings.update({name: value for name, value in asked.items() if value is not None})
    scope = strategy(settings["strategy"]).scope
    set_seed(settings["seed"])
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(settings["precision"])
    try:
        with scope():
            train, held_out, model = _data_and_model(job, console, clock)
            batches = _batches(train, model, job, console, settings, shuffle=True)
            checks = held_out and _batches(held_out, model, job, console, settings)
            clock.lap("tokenise")
            _compile(model, len(batches.batches), settings)
    finally:
        keras.config.set_dtype_policy(policy)
    from kzoo.cli.fitting import fit

    record = {
        "command": sys.argv[1:],
        "started": clock.started.isoformat(timespec="seconds"),
        "data": {
            "spec": job.spec,
            "validation": job.validation,
            "options": job.data.read_options(),
            "train_examples": len(train),
            "validation_examples": len(held_out) if held_out else 0,
            "label_counts": train.label_counts,
            "train_sha256": train.fingerprint(),
            "validation_sha256": held_out.fingerprint() if held_out else None,
        },
        "model": {
            **dataclasses.asdict(job.model),
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
    outcome = fit(model, batches, checks, job.out, settings, console)
    clock.lap("fit")
    record.update(outcome.to_record(), seconds=clock.seconds())
    write_json(job.out / run_folder.RECORD, record)
    if outcome.lost:
        raise Failure(outcome.lost)
    if outcome.interrupted:
        raise Interrupted(outcome.interrupted)
    _tell(record, console)
    return record


def _tell(record: dict[str, Any], console: Console) -> None:
    metrics = record["metrics"]
    shown = ("loss", "accuracy", "val_loss", "val_accuracy")
    figures = ", ".join(f"{k} {metrics[k]:.4f}" for k in shown if k in metrics)
    console.say(
        f"Kept epoch {record['best_epoch']} of {record['epochs_done']}: {figures}; "
        f"{record['seconds']['total']:.0f} s in all"
    )


def _data_and_model(job: Job, console: Console, clock: "_Clock"):
    from kzoo.models import TextClassifier

    if job.model.source:
        train, held_out, model, notes = _fine_tuned(job, TextClassifier)
    else:
        train, held_out = training_data.read_training_data(
            job.spec, job.validation, job.data
        )
        notes = ()
    _describe(train, held_out, console)
    console.notes(notes)
    clock.lap("read")
    run_folder.clear(job.out)
    if not job.model.source:
        tokenizer = training_data.make_tokenizer(train, job.model, console)
        clock.lap("tokenizer")
        model = training_data.new_model(train, tokenizer, job.model)
    return train, held_out, model


def _fine_tuned(job: Job, cls):
    overrides = parse_overrides(job.model.set)
    source = job.model.source
    model = cls.from_preset(source, **overrides)
    model.require_tokenizer()
    train, held_out, same = training_data.read_for_source(
        job.spec, job.validation, job.data, model
    )
    notes = []
    if not same:
        notes.append(
            f"the labels are not those of {source} ({', '.join(model.label_names)})"
        )
        if len(train.label_names) != len(model.label_names):
            notes[0] += ", so its last layer starts anew"
        model = cls.from_preset(source, label_names=train.label_names, **overrides)
    return train, held_out, model, notes


def _describe(train, held_out, console: Console) -> None:
    console.heading("Data")
    counts = ", ".join(f"{name} {n:,}" for name, n in train.label_counts.items())
    console.say(f"  train       {len(train):>8,} examples: {counts}")
    if held_out:
        console.say(f"  validation  {len(held_out):>8,} examples")
    else:
        console.say("  validation      none: the weights of the last epoch are kept")
    notes = dict.fromkeys((*train.notes, *(held_out.notes if held_out else ())))
    console.notes(notes)


def _batches(examples, model, job: Job, console, settings, shuffle=False):
    batches = training_data.tokenized(
        examples,
        model,
        job.model.max_length,
        console,
        batch_size=settings["batch_size"],
        seed=settings["seed"],
        shuffle=shuffle,
        class_weights=class_weights(job.train) if shuffle else None,
    )
    told = set(examples.notes)
    console.notes(note for note in batches.batches.notes if note not in told)
    return batches


def _compile(model, steps_per_epoch: int, settings: dict[str, Any]) -> None:
    from kzoo.training import WarmupDecay, adamw, compile_classifier

    if settings.get("steps"):
        settings["epochs"] = math.ceil(settings["steps"] / steps_per_epoch)
        settings["total_steps"] = settings["steps"]
    else:
        settings["total_steps"] = settings["epochs"] * steps_per_epoch
    warmup = settings["warmup"]
    if warmup < 1:
        warmup = int(warmup * settings["total_steps"])
    settings["warmup_steps"] = int(warmup)
    schedule = WarmupDecay(
        settings["learning_rate"],
        total_steps=settings["total_steps"],
        warmup_steps=settings["warmup_steps"],
        decay=settings["decay"],
    )
    averaging = {}
    if settings["ema"]:
        averaging = {"use_ema": True, "ema_momentum": settings["ema"]}
    optimizer = adamw(
        schedule,
        weight_decay=settings["weight_decay"],
        clip_norm=settings["clip_norm"] or None,
        **averaging,
    )
    jit = settings.get("jit")
    compile_classifier(
        model,
        optimizer,
        label_smoothing=settings["label_smoothing"],
        jit_compile="auto" if jit is None else jit,
    )


class _Clock:
    """The seconds of each part of a job."""

    def __init__(self) -> None:
        self.started = datetime.datetime.now(datetime.UTC)
        self._first = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        total = time.perf_counter() - self._first
        return {k: round(v, 2) for k, v in {**self._laps, "total": total}.items()}
