"""Reading and writing the tokenizer files of Marian's translators."""

import os
import pathlib

from kzoo.errors import InputError
from kzoo.files import read_json, write_json
from kzoo.tokenizers.sentencepiece import SentencePieceTokenizer
from kzoo.tokenizers.sentencepiece_files import (
    read_model,
    read_names,
    read_vocabulary,
    token_names,
    write_model,
)

SOURCE, TARGET = "source.spm", "target.spm"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"
PLAIN_FILES = (SOURCE, TARGET, VOCABULARY)
_CLASSES = {"MarianTokenizer", "MarianTokenizerFast"}


def read_folder(folder: str | os.PathLike) -> dict:
    """Return the constructor arguments that the files of a folder give.

    Args:
        folder: What `TranslationTokenizer.from_folder` takes.

    Returns:
        Arguments of `TranslationTokenizer`.

    Raises:
        InputError: A file is missing, damaged, or of another tokenizer.
    """
    folder = pathlib.Path(folder)
    missing = [name for name in PLAIN_FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"A translation tokenizer is {', '.join(PLAIN_FILES)}.",
            f"folder={str(folder)!r} without {', '.join(missing)}",
            "Copy the tokenizer files beside the checkpoint.",
        )
    config = folder / "tokenizer_config.json"
    config = read_json(config) if config.is_file() else {}
    name = config.get("tokenizer_class")
    if name is not None and name not in _CLASSES:
        raise InputError(
            "A translation tokenizer is Marian's.",
            f"tokenizer_class={name!r} in {str(folder / 'tokenizer_config.json')!r}",
            f"Supported: {', '.join(sorted(_CLASSES))}.",
        )
    names = read_names(folder)
    vocabulary = read_vocabulary(folder / VOCABULARY)
    sides = {"source": (SOURCE, vocabulary), "target": (TARGET, vocabulary)}
    if config.get("separate_vocabs"):
        sides["target"] = TARGET, read_vocabulary(folder / TARGET_VOCABULARY)
    models = {side: read_model(folder / file) for side, (file, _) in sides.items()}
    read = {
        side: SentencePieceTokenizer(models[side], vocabulary=tokens, **names)
        for side, (_, tokens) in sides.items()
    }
    if (
        models["source"] == models["target"]
        and len({id(t) for _, t in sides.values()}) == 1
    ):
        read["target"] = read["source"]
    return {
        **read,
        "source_language": config.get("source_lang"),
        "target_language": config.get("target_lang"),
    }


def write_folder(
    tokenizer, folder: str | os.PathLike, max_length: int | None = None
) -> None:
    """Write both models, the vocabulary or vocabularies, and the special tokens.

    Args:
        tokenizer: A `TranslationTokenizer`.
        folder: Where to write; made if it does not exist.
        max_length: Noted as `model_max_length`.

    Raises:
        InputError: The sides' special tokens are not spelt alike.
    """
    folder = pathlib.Path(folder)
    names = token_names(tokenizer.source)
    if names != token_names(tokenizer.target):
        raise InputError(
            "Marian's files name one end, one unknown token and one padding for both "
            "sides.",
            f"source with {names}, target with {token_names(tokenizer.target)}",
            "Spell the special tokens of both vocabularies alike.",
        )
    config: dict = {
        "tokenizer_class": "MarianTokenizer",
        **names,
        "separate_vocabs": not tokenizer.is_shared,
        "source_lang": tokenizer.source_language,
        "target_lang": tokenizer.target_language,
        "clean_up_tokenization_spaces": False,
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    write_model(tokenizer.source.model, folder / SOURCE)
    write_model(tokenizer.target.model, folder / TARGET)
    write_json(folder / VOCABULARY, tokenizer.source._id_of)
    if tokenizer.is_shared:
        (folder / TARGET_VOCABULARY).unlink(missing_ok=True)
    else:
        write_json(folder / TARGET_VOCABULARY, tokenizer.target._id_of)
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "special_tokens_map.json", names)
