"""From data specs to the texts of a training: its examples, tokenizer and model."""

import pathlib

from kzoo.cli.bars import bar
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.overrides import parse_overrides
from kzoo.cli.train_options import ModelOptions
from kzoo.errors import InputError


def read_training_data(
    spec: str, validation: str | None, options: DataOptions, label_names=None
):
    """Read what is trained on and what is validated on.

    Args:
        spec: The data spec of `--data`.
        validation: The data spec of `--validation`, or None to take the validation
            split of `spec`.
        options: How to read them.
        label_names: The labels in a model's order, or None for the data's own.

    Returns:
        Two `kzoo.data.Examples`; the second is None where there is nothing to
        validate on.

    Raises:
        InputError: If they cannot be read.
    """
    import kzoo.data

    reading = options.read_options()
    if validation is not None and options.validation_share is None:
        # What is validated on stands apart: keep back for a test only.
        reading["validation_share"] = 0.0
    train = kzoo.data.read(spec, "train", label_names=label_names, **reading)
    names = train.label_names
    if validation is not None:
        split = whole_split(validation, options)
        held_out = kzoo.data.read(validation, split, label_names=names, **reading)
    elif "validation" in kzoo.data.available_splits(spec, **reading):
        held_out = kzoo.data.read(spec, "validation", label_names=names, **reading)
    else:
        held_out = None
    return train, held_out


def whole_split(spec: str, options: DataOptions) -> str:
    """Return the split of a spec that is validation data: its own, or all of it."""
    import kzoo.data

    splits = kzoo.data.available_splits(spec, **options.read_options())
    if splits.get("validation") == "stored":
        return "validation"
    stored = [name for name, how in splits.items() if how != "cut"]
    return "all" if len(stored) == 1 else "validation"


def read_for_source(spec, validation, options: DataOptions, source_model):
    """Read data for a trained model, in its labels' order if it knows them all.

    Returns:
        As `read_training_data`, and whether the labels are the model's.
    """
    known = source_model.label_names
    try:
        read = read_training_data(spec, validation, options, known)
    except InputError:
        # Either the labels differ, which is well, or the data is at fault, which
        # the second reading says.
        read = read_training_data(spec, validation, options)
        return *read, set(read[0].label_names) == set(known)
    return *read, True


def make_tokenizer(examples, model: ModelOptions, console: Console):
    """Return the tokenizer of `--tokenizer`, or one trained on the training texts."""
    from kzoo.models.presets import preset_config
    from kzoo.tokenizers import WordPieceTokenizer

    if model.tokenizer is not None:
        if model.vocabulary_size or model.cased:
            raise InputError(
                "A given tokenizer is taken as it is.",
                "--tokenizer beside --vocabulary-size or --cased",
                "Leave one of them out.",
            )
        return _open_tokenizer(model.tokenizer)
    size = model.vocabulary_size
    if size is None:
        size = preset_config("TextClassifier", model.preset)["vocabulary_size"]
    console.say(f"Training a tokenizer of at most {size:,} tokens ...")
    texts = (
        part
        for text in examples.texts
        for part in (text if isinstance(text, tuple) else (text,))
    )
    tokenizer = WordPieceTokenizer.train(
        texts, vocabulary_size=size, lowercase=not model.cased
    )
    console.notes(tokenizer.notes)
    return tokenizer


def _open_tokenizer(name: str):
    """Return the tokenizer of a run, a folder or a file, whatever its kind.

    Raises:
        InputError: If there is none, or none of single texts.
    """
    from kzoo import tokenizers
    from kzoo.cli.corpus_data import open_tokenizer

    path = pathlib.Path(name).expanduser()
    if path.is_file() and path.name != "tokenizer.json":  # a list of word pieces
        return tokenizers.WordPieceTokenizer.from_file(path)
    tokenizer = open_tokenizer(name, ())
    if not hasattr(tokenizer, "encode_batch") or tokenizer.pad_id is None:
        raise InputError(
            "A classifier's tokenizer is one of single texts, with padding.",
            f"--tokenizer {name}, {tokenizer!r}",
            "Name another, or leave it out to train one.",
        )
    return tokenizer


def new_model(examples, tokenizer, options: ModelOptions):
    """Return the model of `--preset`, for these labels and this tokenizer."""
    from kzoo.models import TextClassifier

    overrides = parse_overrides(options.set)
    if options.max_length is not None:
        overrides["max_sequence_length"] = options.max_length
    if examples.has_pairs:
        overrides.setdefault("num_segments", 2)
    return TextClassifier.from_preset(
        options.preset,
        vocabulary_size=tokenizer.vocabulary_size,
        label_names=examples.label_names,
        tokenizer=tokenizer,
        **overrides,
    )


def tokenized(examples, model, max_length, console: Console, **options):
    """Return the batches of examples in the form that `fit` takes."""
    import kzoo.data

    with bar("tokenising", quiet=console.as_json) as progress:
        return kzoo.data.batches(
            examples,
            model.require_tokenizer(),
            max_length=max_length or model.max_sequence_length,
            progress=progress,
            **options,
        )
