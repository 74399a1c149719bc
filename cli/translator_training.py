"""What is the translator's own in `kzoo train`: its pairs, its model, its loss."""

import dataclasses
from typing import Any

from kzoo.cli import run_folder, translation_data
from kzoo.cli.adaptation import adapt
from kzoo.cli.console import Console
from kzoo.cli.job import OF_TEXTS, Job
from kzoo.cli.optimization import jit_compile, make_optimizer, set_length
from kzoo.cli.overrides import parse_overrides
from kzoo.cli.training_start import Clock, Start
from kzoo.cli.translation_data import Split
from kzoo.cli.translation_scoring import Scoring
from kzoo.errors import InputError

SHOWN = ("loss", "val_loss", "val_perplexity", "val_bleu", "val_chrf")


def start(job: Job, settings: dict[str, Any], console: Console, clock: Clock) -> Start:
    """Read the pairs, make the model and compile it.

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
    import kzoo.data
    from kzoo.training import AverageWeights, compile_translator, rematerialised

    _settle(settings, job)
    reading = job.data.read_options()
    train, held_out = translation_data.read_training_pairs(
        job.spec, job.validation, reading
    )
    clock.lap("read")
    model = _model(job, settings, train, console)
    clock.lap("tokenizer")
    length = _max_length(job, model)
    train, held_out = (
        pairs
        and translation_data.tokenise(
            pairs, model.tokenizer, length, settings["long_pairs"], console
        )
        for pairs in (train, held_out)
    )
    clock.lap("tokenise")
    _describe(train, held_out, console)
    options = {
        "batch_size": settings.get("batch_size"),
        "batch_tokens": settings.get("batch_tokens"),
        "max_length": length,
        "start_id": model.start_id,
        "pad_id": model.pad_id,
    }
    batches = kzoo.data.translation_batches(
        train.tokens,
        model.tokenizer,
        seed=settings["seed"],
        steps_per_epoch=settings.get("epoch_steps"),
        **options,
    )
    checks = held_out and kzoo.data.translation_batches(
        held_out.tokens, model.tokenizer, shuffle=False, **options
    )
    steps = len(batches.batches)
    set_length(settings, job.train.warmup, steps)
    adapted = adapt(model, job.adaptation, console)
    if settings.get("remat"):
        rematerialised(model, [*model.encoder.blocks, *model.decoder.blocks])
    compile_translator(
        model,
        make_optimizer(settings),
        label_smoothing=settings["label_smoothing"],
        metrics=("perplexity",),
        jit_compile=jit_compile(settings),
    )
    scoring = held_out and Scoring.of(model, held_out, settings, console)
    if not scoring and settings["monitor"] in OF_TEXTS:
        settings["monitor"] = "val_loss"
    average = None
    if settings.get("average_last"):
        average = AverageWeights(
            settings["average_last"], settings.get("average_every")
        )
    if not job.goes_on:  # an older run goes when nothing can be refused any more
        run_folder.clear(job.out)
    return Start(
        model,
        batches,
        checks,
        {
            "source_language": train.pairs.source_language,
            "target_language": train.pairs.target_language,
            "train": train.to_record(),
            "validation": held_out and held_out.to_record(),
        },
        {**dataclasses.asdict(job.model), **adapted},
        examples=steps,
        tokens=batches.batches.target_tokens / steps,
        batch_size=1,
        scores=scoring and scoring.callback,
        average=average,
        finish=scoring and scoring.finish,
    )


def _settle(settings: dict[str, Any], job: Job) -> None:
    """Let what was asked for take the place of what excludes it in the recipe."""
    if job.train.epochs:
        settings.pop("steps", None)
    if job.train.batch_size:
        settings.pop("batch_tokens", None)
    elif settings.get("batch_tokens"):
        settings.pop("batch_size", None)


def _model(job: Job, settings: dict[str, Any], train, console: Console):
    from kzoo.models import Translator

    overrides = parse_overrides(job.model.set)
    if job.model.source:
        model = Translator.from_preset(job.model.source, **overrides)
        model.require_tokenizer()
        return model
    tokenizer = translation_data.choose_tokenizer(job, settings, train, console)
    shared = tokenizer.is_shared
    return Translator.from_preset(
        job.model.preset,
        vocabulary_size=tokenizer.vocabulary_size,
        source_vocabulary_size=None if shared else tokenizer.source_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        tokenizer=tokenizer,
        **overrides,
    )


def _max_length(job: Job, model) -> int:
    asked = job.model.max_length
    if asked is not None and asked > model.max_sequence_length:
        raise InputError(
            "A pair is no longer than what the model has positions for.",
            f"--max-length {asked}, max_sequence_length={model.max_sequence_length}",
            f"Pass {model.max_sequence_length} or less, or --set "
            f"max_sequence_length={asked}.",
        )
    return asked or model.max_sequence_length


def _describe(train: Split, held_out: Split | None, console: Console) -> None:
    console.heading(f"Data, {train.pairs.direction}")
    for name, split in (("train", train), ("validation", held_out)):
        if split is None:
            console.say(
                "  validation      none: the weights of the last epoch are kept"
            )
            continue
        tokens = split.tokens
        console.say(
            f"  {name:10}  {len(split):>9,} pairs of {len(tokens.sources.flat):,} and "
            f"{len(tokens.targets.flat):,} tokens"
        )
    notes = [*train.tokens.notes, *(held_out.tokens.notes if held_out else ())]
    console.notes(dict.fromkeys(notes))
