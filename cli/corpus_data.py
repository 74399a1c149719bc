"""From data specs to the token streams of a language model, and its tokenizer."""

import os
import pathlib
from typing import Any

from kzoo.cli.bars import bar
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.errors import InputError, unknown_name

KINDS = ("bpe", "characters")


def open_tokenizer(name: str, kinds: tuple[str, ...] = KINDS):
    """Return the tokenizer of a folder, a run or a file.

    Args:
        name: The folder, or the file.
        kinds: What could have been named instead, to train one.

    Returns:
        The tokenizer, whatever its kind.

    Raises:
        InputError: If there is none.
    """
    from kzoo import tokenizers

    path = pathlib.Path(name).expanduser()
    inside = path / "tokenizer"
    if inside.is_dir():
        path = inside
    if not path.exists():
        raise unknown_name("tokenizer", name, (*kinds, "a folder that exists"))
    return tokenizers.from_folder(path if path.is_dir() else path.parent)


def train_tokenizer(
    kind: str,
    spec: str,
    reading: dict[str, Any],
    vocabulary_size: int | None,
    console: Console,
):
    """Train a tokenizer on a data spec.

    Args:
        kind: `"bpe"`, on the training text, or `"characters"`, those of all splits.
        spec: The data spec.
        reading: How it is read.
        vocabulary_size: The most tokens; of characters as many as there are.
        console: Where to tell about it.

    Returns:
        The tokenizer.

    Raises:
        InputError: If the kind is unknown or the text cannot be read.
    """
    import kzoo.data
    from kzoo.data.token_stream import pieces
    from kzoo.tokenizers import ByteBPETokenizer, CharacterTokenizer

    if kind == "characters":
        corpus = kzoo.data.read_corpus(spec, "all", **reading)
        tokenizer = CharacterTokenizer.train(corpus.documents)
        console.say(
            f"A tokenizer of the {tokenizer.vocabulary_size:,} characters of the text"
        )
        return tokenizer
    if kind != "bpe":
        raise unknown_name("kind of tokenizer", kind, KINDS)
    corpus = kzoo.data.read_corpus(spec, "train", **reading)
    size = vocabulary_size or 8_000
    console.say(f"Training a tokenizer of at most {size:,} tokens ...")
    texts = (piece for document in corpus.documents for piece in pieces(document))
    tokenizer = ByteBPETokenizer.train(texts, vocabulary_size=size)
    console.notes(getattr(tokenizer, "notes", ()))
    return tokenizer


def choose_tokenizer(
    asked: str | None,
    kind: str,
    spec: str,
    reading: dict[str, Any],
    vocabulary_size: int | None,
    default_size: int,
    console: Console,
):
    """Return the tokenizer of a training from scratch.

    Args:
        asked: What `--tokenizer` says: a kind, a folder, or None.
        kind: The preset's kind.
        spec: The data spec; prepared tokens bring their own.
        reading: How it is read.
        vocabulary_size: What `--vocabulary-size` says, or None.
        default_size: The preset's.
        console: Where to tell about it.

    Returns:
        The tokenizer.

    Raises:
        InputError: If options exclude each other or there is no such tokenizer.
    """
    import kzoo.data

    prepared = kzoo.data.is_token_folder(spec)
    given = asked not in (None, *KINDS) or (prepared and asked is None)
    if given and vocabulary_size:
        raise InputError(
            "A given tokenizer is taken as it is.",
            "--vocabulary-size beside --tokenizer or prepared tokens",
            "Leave one of them out.",
        )
    if asked in KINDS and prepared:
        raise InputError(
            "Prepared tokens bring their tokenizer.",
            f"--tokenizer {asked} for {spec}",
            "Leave it out, or name the text that was prepared.",
        )
    if given:
        return open_tokenizer(os.fspath(spec) if asked is None else asked)
    size = vocabulary_size or default_size
    return train_tokenizer(asked or kind, spec, reading, size, console)


def reading_of(data: DataOptions, validation: str | None) -> dict[str, Any]:
    """Return how the text of a training is read, as its record holds it.

    Args:
        data: What was asked for.
        validation: The data spec of `--validation`: with one of its own nothing is cut
            off the text for it, if shares are not asked for.
    """
    reading = data.read_options()
    if validation is not None and reading["validation_share"] is None:
        reading["validation_share"] = 0.0
    return reading


def read_streams(
    spec: str,
    validation: str | None,
    reading: dict[str, Any],
    tokenizer,
    console: Console,
):
    """Return the tokens to train on and those to validate on.

    Args:
        spec: The data spec of `--data`.
        validation: The data spec of `--validation`, or None for the split of `spec`.
        reading: How they are read.
        tokenizer: The tokenizer.
        console: Where progress is shown.

    Returns:
        Two `kzoo.data.TokenStream`; the second is None where there is nothing to
        validate on.

    Raises:
        InputError: If they cannot be read.
    """
    import kzoo.data

    with bar("tokenising", unit="characters", quiet=console.as_json) as progress:
        train = kzoo.data.read_stream(spec, "train", tokenizer, progress, **reading)
        if validation is not None:
            split = whole_split(validation, reading)
            held_out = kzoo.data.read_stream(
                validation, split, tokenizer, progress, **reading
            )
        elif "validation" in splits_of(spec, reading):
            held_out = kzoo.data.read_stream(
                spec, "validation", tokenizer, progress, **reading
            )
        else:
            held_out = None
    return train, held_out


def splits_of(spec: str, reading: dict[str, Any]) -> dict[str, str]:
    """Return the splits of a spec of text or of prepared tokens."""
    import kzoo.data
    from kzoo.data.token_files import read_index

    if kzoo.data.is_token_folder(spec):
        return {name: "stored" for name in read_index(spec)["splits"]}
    return kzoo.data.corpus_splits(spec, **reading)


def whole_split(spec: str, reading: dict[str, Any]) -> str:
    """Return the split of a spec that is validation data: its own, or all of it."""
    splits = splits_of(spec, reading)
    if splits.get("validation") == "stored":
        return "validation"
    stored = [name for name, how in splits.items() if how != "cut"]
    return "all" if len(stored) == 1 else "validation"
