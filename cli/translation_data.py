"""From data specs to the pairs of a translator, their tokenizer and their ids."""

import dataclasses
from typing import Any

import numpy as np

from kzoo.cli.bars import bar
from kzoo.cli.console import Console
from kzoo.cli.job import Job
from kzoo.errors import InputError

KINDS = ("unigram", "bpe")


@dataclasses.dataclass
class Split:
    """Pairs and their ids, row for row.

    Args:
        pairs: The pairs.
        tokens: Their ids.
    """

    pairs: Any
    tokens: Any

    def __len__(self) -> int:
        return len(self.pairs)

    def to_record(self) -> dict[str, Any]:
        """Return what a run's record says of it."""
        return {
            "pairs": len(self.pairs),
            "source_tokens": len(self.tokens.sources.flat),
            "target_tokens": len(self.tokens.targets.flat),
            "sha256": self.pairs.fingerprint(),
        }


def read_training_pairs(spec: str, validation: str | None, reading: dict[str, Any]):
    """Read what is trained on and what is validated on.

    Args:
        spec: The data spec of `--data`.
        validation: The data spec of `--validation`, or None for the split of `spec`.
        reading: How they are read.

    Returns:
        Two `kzoo.data.Pairs`; the second is None where there is nothing to validate
        on.

    Raises:
        InputError: If they cannot be read, or are of different languages.
    """
    import kzoo.data

    if validation is not None and reading["validation_share"] is None:
        # What is validated on stands apart: keep back for a test only.
        reading = {**reading, "validation_share": 0.0}
    train = kzoo.data.read_pairs(spec, "train", **reading)
    if validation is not None:
        split = whole_split(validation, reading)
        held_out = kzoo.data.read_pairs(validation, split, **reading)
    elif "validation" in kzoo.data.pair_splits(spec, **reading):
        held_out = kzoo.data.read_pairs(spec, "validation", **reading)
    else:
        held_out = None
    if held_out is not None and held_out.direction != train.direction:
        raise InputError(
            "A training is validated on the languages that it is of.",
            f"train {train.direction}, validation {held_out.direction}",
            "Name them: --source de --target en.",
        )
    return train, held_out


def whole_split(spec: str, reading: dict[str, Any]) -> str:
    """Return the split of a spec that is validation data: its own, or all of it."""
    import kzoo.data

    splits = kzoo.data.pair_splits(spec, **reading)
    if splits.get("validation") == "stored":
        return "validation"
    stored = [name for name, how in splits.items() if how != "cut"]
    return "all" if len(stored) == 1 else "validation"


def choose_tokenizer(job: Job, settings: dict[str, Any], train, console: Console):
    """Return the tokenizer of a training from scratch, given or trained on its pairs.

    Args:
        job: The job, checked.
        settings: Its settings: `tokenizer` (the kind), `joint`, `byte_fallback`,
            `normalization`.
        train: The pairs to train on.
        console: Where to tell about it.

    Returns:
        A `TranslationTokenizer`.

    Raises:
        InputError: If options exclude each other, or there is no such tokenizer.
    """
    from kzoo.models.presets import preset_config
    from kzoo.tokenizers import TranslationTokenizer

    asked, options = job.model.tokenizer, job.translator
    if asked is not None and asked not in KINDS:
        if job.model.vocabulary_size or options.of_tokenizer:
            raise InputError(
                "A given tokenizer is taken as it is.",
                "--tokenizer beside --vocabulary-size, --joint, "
                "--separate-vocabularies, --byte-fallback or --normalization",
                "Leave one of them out.",
            )
        return _open_tokenizer(asked)
    size = job.model.vocabulary_size
    if size is None:
        size = preset_config("Translator", job.model.preset or "")["vocabulary_size"]
    kind = asked or settings["tokenizer"]
    sides = "both languages" if settings["joint"] else "each language"
    console.say(
        f"Training a {kind} tokenizer of at most {size:,} tokens for {sides} ..."
    )
    tokenizer = TranslationTokenizer.train(
        train.sources,
        train.targets,
        size,
        joint=settings["joint"],
        model_type=kind,
        byte_fallback=settings["byte_fallback"],
        normalization=settings["normalization"],
        source_language=train.source_language,
        target_language=train.target_language,
    )
    console.notes(tokenizer.notes)
    return tokenizer


def _open_tokenizer(name: str):
    from kzoo.cli.corpus_data import open_tokenizer
    from kzoo.tokenizers import TranslationTokenizer

    tokenizer = open_tokenizer(name, KINDS)
    if not isinstance(tokenizer, TranslationTokenizer):
        raise InputError(
            "A translator has a tokenizer of two languages.",
            f"--tokenizer {name}, a {type(tokenizer).__name__}",
            "Pass a translator's run or a Marian folder, or unigram or bpe.",
        )
    return tokenizer


def tokenise(
    pairs, tokenizer, max_length: int, long_pairs: str, console: Console
) -> Split:
    """Return pairs with their ids; pairs that are too long are left out of both.

    Args:
        pairs: The pairs.
        tokenizer: A `TranslationTokenizer`.
        max_length: Most tokens of a side, its end included.
        long_pairs: `"drop"` or `"error"`.
        console: Where progress is shown.

    Returns:
        Both, row for row; the tokens' notes say what was left out.

    Raises:
        InputError: If a pair is too long and that is an error, or all are.
    """
    import kzoo.data
    from kzoo.data.pair_tokens import fitting

    with bar("tokenising", quiet=console.as_json) as progress:
        tokens = kzoo.data.tokenize_pairs(pairs, tokenizer, progress)
    longest = np.maximum(tokens.sources.lengths, tokens.targets.lengths)
    fitted = fitting(tokens, max_length, long_pairs)
    if len(fitted) < len(pairs):
        pairs = pairs.subset(np.flatnonzero(longest <= max_length))
    return Split(pairs, fitted)


def sample(pairs, size: int):
    """Return so many pairs, evenly spaced, or all where there are no more.

    Args:
        pairs: The pairs.
        size: How many.

    Returns:
        Pairs, in their order.
    """
    if size >= len(pairs):
        return pairs
    return pairs.subset(np.linspace(0, len(pairs) - 1, size).astype("int64"))
