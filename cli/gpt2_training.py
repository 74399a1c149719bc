"""What is GPT-2's own in `kzoo train`: its text, its model, its loss."""

import dataclasses
from typing import Any

from kzoo.cli import corpus_data, run_folder
from kzoo.cli.adaptation import adapt
from kzoo.cli.console import Console
from kzoo.cli.job import Job
from kzoo.cli.optimization import jit_compile, make_optimizer, set_length
from kzoo.cli.overrides import parse_overrides
from kzoo.cli.training_start import Clock, Start
from kzoo.errors import InputError

SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")
_SAMPLE_TOKENS = 40
_PROMPT_CHARACTERS = 24


def start(job: Job, settings: dict[str, Any], console: Console, clock: Clock) -> Start:
    """Read the text, make the model and compile it.

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
    from kzoo.training import compile_language_model, rematerialised

    if job.train.epochs:  # in place of the recipe's own length
        settings.pop("steps", None)
        if job.language.epoch_steps is None:
            settings.pop("epoch_steps", None)
    reading = corpus_data.reading_of(job.data, job.validation)
    tokenizer, model = _tokenizer_or_model(job, settings, reading, console)
    clock.lap("tokenizer")
    train, held_out = corpus_data.read_streams(
        job.spec, job.validation, reading, tokenizer, console
    )
    clock.lap("tokenise")
    _describe(train, held_out, console)
    if model is None:
        model = _new_model(job, tokenizer)
    length = settings.get("sequence_length") or model.max_sequence_length
    settings["sequence_length"] = length
    _check_length(model, length)
    options = {
        "batch_size": settings["batch_size"],
        "segments": bool(settings.get("segments")),
        "pad_id": tokenizer.pad_id,
        "padding_mask": False,  # no real token sees what is behind the last one
    }
    batches = kzoo.data.packed(
        train,
        length,
        seed=settings["seed"],
        steps_per_epoch=settings.get("epoch_steps"),
        **options,
    )
    checks = None
    if held_out is not None:
        checks = kzoo.data.packed(held_out, length, shuffle=False, **options)
    set_length(settings, job.train.warmup, len(batches.batches))
    adapted = adapt(model, job.adaptation, console)
    if settings.get("remat"):
        rematerialised(model, model.blocks)
    compile_language_model(
        model,
        make_optimizer(settings),
        metrics=("accuracy",),
        jit_compile=jit_compile(settings),
    )
    _set_sample(settings, train, tokenizer)
    if not job.goes_on:  # an older run goes when nothing can be refused any more
        run_folder.clear(job.out)
    return Start(
        model,
        batches,
        checks,
        {
            "options": reading,
            "train": _record(train),
            "validation": held_out and _record(held_out),
        },
        {**dataclasses.asdict(job.model), **adapted},
        examples=batches.batches.order.examples,
        tokens=length,
        write=lambda prompts: _write(model, prompts),
    )


def _tokenizer_or_model(job: Job, settings, reading, console: Console):
    """Return the tokenizer, and the model where it is there before its data."""
    from kzoo.models import GPT2CausalLM
    from kzoo.models.presets import preset_config

    if job.model.source:
        if job.model.max_length is not None:
            raise InputError(
                "Trained weights keep the positions that they were trained with.",
                f"--max-length {job.model.max_length} beside --from",
                "Pass --sequence-length for shorter rows.",
            )
        overrides = parse_overrides(job.model.set)
        model = GPT2CausalLM.from_preset(job.model.source, **overrides)
        return model.require_tokenizer(), model
    config = preset_config("GPT2CausalLM", job.model.preset)
    tokenizer = corpus_data.choose_tokenizer(
        job.model.tokenizer,
        settings["tokenizer"],
        job.spec,
        reading,
        job.model.vocabulary_size,
        config["vocabulary_size"],
        console,
    )
    return tokenizer, None


def _new_model(job: Job, tokenizer):
    from kzoo.models import GPT2CausalLM

    overrides = parse_overrides(job.model.set)
    if job.model.max_length is not None:
        overrides["max_sequence_length"] = job.model.max_length
    return GPT2CausalLM.from_preset(
        job.model.preset,
        vocabulary_size=tokenizer.vocabulary_size,
        tokenizer=tokenizer,
        **overrides,
    )


def _check_length(model, length: int) -> None:
    if length > model.max_sequence_length:
        raise InputError(
            "A row is no longer than what the model has positions for.",
            f"--sequence-length {length}, max_sequence_length="
            f"{model.max_sequence_length}",
            f"Pass {model.max_sequence_length} or less.",
        )


def _describe(train, held_out, console: Console) -> None:
    console.heading("Data")
    for name, stream in (("train", train), ("validation", held_out)):
        if stream is None:
            console.say(
                "  validation      none: the weights of the last epoch are kept"
            )
            continue
        ratio = stream.characters / max(len(stream), 1)
        console.say(
            f"  {name:10}  {len(stream):>12,} tokens of {stream.characters:,} "
            f"characters ({ratio:.2f} each) in {len(stream.documents):,} documents"
        )
    notes = dict.fromkeys((*train.notes, *(held_out.notes if held_out else ())))
    console.notes(notes)


def _record(stream) -> dict[str, Any]:
    return {
        "tokens": len(stream),
        "characters": stream.characters,
        "documents": len(stream.documents),
        "sha256": stream.fingerprint(),
    }


def _set_sample(settings: dict[str, Any], train, tokenizer) -> None:
    """Take the first words of the text as prompt, unless one is given or unwanted."""
    if settings.get("sample") is None:
        ids = [int(i) for i in train.tokens[: 4 * _PROMPT_CHARACTERS]]
        text = tokenizer.decode(ids)[:_PROMPT_CHARACTERS]
        words = text.rsplit(" ", 1)[0]
        settings["sample"] = words.split("\n")[0] or text
    elif settings["sample"]:
        tokenizer.encode(settings["sample"])  # refuse characters that it lacks now


def _write(model, prompts: list[str]) -> list[str]:
    from kzoo.generation import TopK

    room = model.max_sequence_length - max(
        len(model.tokenizer.encode(prompt)) for prompt in prompts
    )
    if room < 1:
        return ["" for _ in prompts]
    return model.generate(
        prompts, max_new_tokens=min(_SAMPLE_TOKENS, room), sampler=TopK(40, seed=0)
    )
