"""Reading the tokenizer files that lie beside a checkpoint."""

import json
import os
import pathlib

from kzoo.errors import InputError
from kzoo.tokenizers.wordpiece_json import arguments_of_json

_CLASSES = {
    f"{family}Tokenizer{suffix}"
    for family in ("Bert", "DistilBert", "Electra", "MobileBert")
    for suffix in ("", "Fast")
}
# Both names mean: what tokenizer.json says, whatever the family.
_GENERIC = {"PreTrainedTokenizerFast", "TokenizersBackend"}
_TOKEN_ARGUMENTS = {
    "unk_token": "unknown_token",
    "pad_token": "pad_token",
    "cls_token": "cls_token",
    "sep_token": "sep_token",
    "mask_token": "mask_token",
}
_OPTION_ARGUMENTS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "split_chinese_characters",
}


def read_file(path: str | os.PathLike, names: dict[str, str] | None = None) -> dict:
    """Return the constructor arguments that one file gives.

    Args:
        path: A `tokenizer.json` (any name that ends with `.json`), or a list of
            tokens, one in a line.
        names: Special tokens that files beside it name, such as `mask_token`.

    Returns:
        Arguments of `WordPieceTokenizer`.

    Raises:
        InputError: No such file, or one that is not supported.
    """
    path = pathlib.Path(path)
    if path.suffix == ".json":
        return arguments_of_json(_read_json(path), path, names)
    return {"vocabulary": _read_vocabulary(path), **(names or {})}


def read_folder(folder: str | os.PathLike) -> dict:
    """Return the constructor arguments that the files of a folder give.

    `tokenizer.json` is read if it is there, else `vocab.txt`; what
    `tokenizer_config.json` says outright comes before either, as in transformers.

    Args:
        folder: The folder.

    Returns:
        Arguments of `WordPieceTokenizer`.

    Raises:
        InputError: Neither file is there, or one is not supported.
    """
    folder = pathlib.Path(folder)
    config = _read_json(folder / "tokenizer_config.json", optional=True)
    tokens = _read_json(folder / "special_tokens_map.json", optional=True)
    _check_class(config, folder)
    names = {
        argument: _token_text(source[key])
        for source in (tokens, config)
        for key, argument in _TOKEN_ARGUMENTS.items()
        if source.get(key) is not None
    }
    if (folder / "tokenizer.json").is_file():
        arguments = read_file(folder / "tokenizer.json", names)
    elif (folder / "vocab.txt").is_file():
        arguments = read_file(folder / "vocab.txt", names)
    else:
        raise InputError(
            "A WordPiece tokenizer is read from tokenizer.json or vocab.txt.",
            f"folder={str(folder)!r}, which has neither",
            "Copy the tokenizer files beside the checkpoint.",
        )
    if config.get("tokenizer_class") not in _GENERIC:
        for key, argument in _OPTION_ARGUMENTS.items():
            if key in config:
                arguments[argument] = config[key]
    _check_added(config, arguments, folder)
    return arguments


def _check_class(config: dict, folder: pathlib.Path) -> None:
    name = config.get("tokenizer_class")
    if name is not None and name not in _CLASSES | _GENERIC:
        raise InputError(
            "A WordPiece tokenizer is one of BERT's family.",
            f"tokenizer_class={name!r} in {str(folder / 'tokenizer_config.json')!r}",
            f"Supported: {', '.join(sorted(_CLASSES | _GENERIC))}.",
        )


def _check_added(config: dict, arguments: dict, folder: pathlib.Path) -> None:
    """Refuse tokens that transformers would add to those of the vocabulary file."""
    special = {
        arguments.get(argument, f"[{key.removesuffix('_token').upper()}]")
        for key, argument in _TOKEN_ARGUMENTS.items()
    }
    listed = [_token_text(t) for t in config.get("added_tokens_decoder", {}).values()]
    listed += _read_json(folder / "added_tokens.json", optional=True)
    extra = [token for token in listed if token not in special]
    if extra:
        raise InputError(
            "The only added tokens supported are the five special ones.",
            f"added token {extra[0]!r} in {str(folder)!r}",
            "Put it into the vocabulary, or remove it if the model does not use it.",
        )


def _token_text(token) -> str:
    """Return a token that is written as text or as an AddedToken dictionary."""
    return token["content"] if isinstance(token, dict) else str(token)


def _read_vocabulary(path: pathlib.Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise InputError(
            "A vocabulary file can be read.", f"path={str(path)!r} ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "A vocabulary file is UTF-8 text, one token in a line.",
            f"path={str(path)!r} ({error})",
        ) from error
    return lines[:-1] if lines[-1] == "" else lines


def _read_json(path: pathlib.Path, optional: bool = False) -> dict:
    if optional and not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            "A tokenizer file can be read.", f"path={str(path)!r} ({error.strerror})"
        ) from error
    except ValueError as error:
        raise InputError(
            "A tokenizer file is JSON.", f"path={str(path)!r} ({error})"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "A tokenizer file is a JSON object.",
            f"path={str(path)!r} with a {type(content).__name__}",
        )
    return content
