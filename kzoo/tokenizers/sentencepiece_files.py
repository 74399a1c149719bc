"""Reading and writing the files of SentencePiece tokenizers."""

import os
import pathlib

from kzoo.errors import InputError
from kzoo.files import read_json, replacing, write_json

MODEL_NAMES = ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
TOKEN_NAMES = {
    "eos_token": "end_token",
    "unk_token": "unknown_token",
    "pad_token": "pad_token",
}


def read_model(path: str | os.PathLike) -> bytes:
    """Return the bytes of a model file.

    Args:
        path: The file.

    Returns:
        Its bytes.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            "A SentencePiece model can be read.",
            f"path={str(path)!r} ({error.strerror})",
            "Copy it beside the checkpoint.",
        ) from error


def read_vocabulary(path: str | os.PathLike) -> list[str]:
    """Return the tokens of a `vocab.json` in the order of their ids.

    Args:
        path: The file: an object of tokens and ids.

    Returns:
        The tokens.

    Raises:
        InputError: It cannot be read, or its ids have gaps.
    """
    ids = read_json(path)
    if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
        raise InputError(
            "A vocabulary is a JSON object of tokens, with ids from 0 on without a "
            "gap.",
            f"path={str(path)!r} with something else",
            "Copy the vocabulary of the checkpoint.",
        )
    return sorted(ids, key=ids.__getitem__)


def read_names(folder: pathlib.Path) -> dict:
    """Return the special tokens that a folder names, as constructor arguments.

    Args:
        folder: A folder with perhaps `tokenizer_config.json` and
            `special_tokens_map.json`; the former comes first.

    Returns:
        Some of `end_token`, `unknown_token` and `pad_token`.
    """
    names = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        content = read_json(folder / file) if (folder / file).is_file() else {}
        for key, argument in TOKEN_NAMES.items():
            token = content.get(key)
            if token is not None:  # as text, or as an AddedToken dictionary
                names[argument] = token["content"] if isinstance(token, dict) else token
    return names


def read_folder(folder: str | os.PathLike) -> dict:
    """Return the constructor arguments that the files of a folder give.

    Args:
        folder: What `SentencePieceTokenizer.from_folder` takes.

    Returns:
        Arguments of `SentencePieceTokenizer`.

    Raises:
        InputError: No model.
    """
    folder = pathlib.Path(folder)
    for name in MODEL_NAMES:
        if (folder / name).is_file():
            break
    else:
        raise InputError(
            "A SentencePiece tokenizer is read from its model.",
            f"folder={str(folder)!r} with none of {', '.join(MODEL_NAMES)}",
            "Copy the tokenizer files beside the checkpoint.",
        )
    arguments: dict = {"model": read_model(folder / name), **read_names(folder)}
    if (folder / "vocab.json").is_file():
        arguments["vocabulary"] = read_vocabulary(folder / "vocab.json")
    return arguments


def write_model(model: bytes, path: pathlib.Path) -> None:
    """Write the bytes of a model, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(model)


def token_names(tokenizer) -> dict:
    """Return the special tokens of a tokenizer under transformers' names."""
    return {key: getattr(tokenizer, name) for key, name in TOKEN_NAMES.items()}


def write_folder(
    tokenizer, folder: str | os.PathLike, max_length: int | None = None
) -> None:
    """Write the model, the vocabulary laid over it, and the special tokens.

    Args:
        tokenizer: A `SentencePieceTokenizer`.
        folder: Where to write; made if it does not exist.
        max_length: Noted as `model_max_length`.
    """
    folder = pathlib.Path(folder)
    config: dict = {
        "tokenizer_class": "SentencePieceTokenizer",
        **token_names(tokenizer),
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    write_model(tokenizer.model, folder / MODEL_NAMES[0])
    if tokenizer.has_own_vocabulary:
        write_json(folder / "vocab.json", tokenizer._id_of)
    else:
        (folder / "vocab.json").unlink(missing_ok=True)
    write_json(folder / "tokenizer_config.json", config)
