"""What is the classifier's own in `kzoo train`: its data, its model, its loss."""

import dataclasses
from typing import Any

from kzoo.cli import run_folder, training_data
from kzoo.cli.adaptation import adapt
from kzoo.cli.console import Console
from kzoo.cli.job import Job, class_weights
from kzoo.cli.optimization import jit_compile, make_optimizer, set_steps
from kzoo.cli.overrides import parse_overrides
from kzoo.cli.training_start import Clock, Start

SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")


def start(job: Job, settings: dict[str, Any], console: Console, clock: Clock) -> Start:
    """Read the data, make the model and compile it.

    Args:
        job: The job, checked.
        settings: Its settings; the steps are added to them.
        console: Where to tell about it.
        clock: Notes what each part takes.

    Returns:
        All that `fit` needs.

    Raises:
        InputError: If the data or an option is not fit.
    """
    train, held_out, model = _data_and_model(job, console, clock)
    batches = _batches(train, model, job, console, settings, shuffle=True)
    checks = held_out and _batches(held_out, model, job, console, settings)
    clock.lap("tokenise")
    from kzoo.training import compile_classifier

    set_steps(settings, len(batches.batches))
    adapted = adapt(model, job.adaptation, console, train="^classifier/")
    compile_classifier(
        model,
        make_optimizer(settings),
        label_smoothing=settings["label_smoothing"],
        jit_compile=jit_compile(settings),
    )
    if not job.goes_on:  # an older run goes when nothing can be refused any more
        run_folder.clear(job.out)
    record = {
        "train_examples": len(train),
        "validation_examples": len(held_out) if held_out else 0,
        "label_counts": train.label_counts,
        "train_sha256": train.fingerprint(),
        "validation_sha256": held_out.fingerprint() if held_out else None,
    }
    return Start(
        model,
        batches,
        checks,
        record,
        {**dataclasses.asdict(job.model), **adapted},
        examples=len(batches.batches.order.lengths),
    )


def _data_and_model(job: Job, console: Console, clock: Clock):
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
