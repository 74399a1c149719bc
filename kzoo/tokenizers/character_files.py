"""Reading and writing the files of a `CharacterTokenizer`."""

import os
import pathlib

from kzoo.errors import InputError
from kzoo.files import read_json, write_json

_NAMES = {
    "eos_token": "end_token",
    "pad_token": "pad_token",
    "unk_token": "unknown_token",
}
# What cuts a text after every character, line feeds among them.
_SPLIT = {
    "type": "Split",
    "pattern": {"Regex": r"[\s\S]"},
    "behavior": "Isolated",
    "invert": False,
}


def is_character_json(content: dict) -> bool:
    """Return whether a `tokenizer.json` is that of a `CharacterTokenizer`.

    Args:
        content: The parsed file.

    Returns:
        True where words are looked up whole and each character is a word.
    """
    model = content.get("model") or {}
    return (
        model.get("type") == "WordLevel"
        and content.get("pre_tokenizer") == _SPLIT
        and content.get("normalizer") is None
    )


def read_file(path: str | os.PathLike) -> dict:
    """Return the constructor arguments of a `tokenizer.json`.

    Special tokens are named by the `tokenizer_config.json` beside it.

    Args:
        path: The file.

    Returns:
        Arguments of `CharacterTokenizer`.

    Raises:
        InputError: No such file, or another kind of tokenizer.
    """
    path = pathlib.Path(path)
    content = read_json(path)
    if not isinstance(content, dict) or not is_character_json(content):
        raise InputError(
            "A character tokenizer is read from a tokenizer.json that it wrote.",
            f"path={str(path)!r} of another kind",
            "kzoo.tokenizers.from_folder opens any kind.",
        )
    ids = content["model"]["vocab"]
    config = path.with_name("tokenizer_config.json")
    names = read_json(config) if config.is_file() else {}
    special = {_NAMES[n]: t for n, t in names.items() if n in _NAMES and t is not None}
    return {"vocabulary": sorted(ids, key=ids.__getitem__), **special}


def write_folder(
    tokenizer, folder: str | os.PathLike, max_length: int | None = None
) -> None:
    """Write tokenizer.json, its configuration and the special tokens.

    Args:
        tokenizer: A `CharacterTokenizer`.
        folder: Where to write; made if it does not exist.
        max_length: Noted as `model_max_length`.
    """
    folder = pathlib.Path(folder)
    names = {key: getattr(tokenizer, name) for key, name in _NAMES.items()}
    names = {key: token for key, token in names.items() if token is not None}
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    special = sorted(tokenizer.special_tokens, key=tokenizer.token_to_id)
    added = [
        {
            "id": tokenizer.token_to_id(token),
            "content": token,
            **dict.fromkeys(flags, False),
            "special": True,
        }
        for token in special
        if len(token) > 1
    ]
    config: dict = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    config["clean_up_tokenization_spaces"] = False
    if max_length is not None:
        config["model_max_length"] = max_length
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _SPLIT,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "WordLevel",
            "vocab": tokenizer._id_of,
            "unk_token": tokenizer.unknown_token or "",
        },
    }
    write_json(folder / "tokenizer.json", content)
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "special_tokens_map.json", names)
