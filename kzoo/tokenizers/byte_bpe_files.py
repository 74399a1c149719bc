"""Reading the byte-level BPE files that lie beside a checkpoint."""

import os
import pathlib

from kzoo.errors import InputError
from kzoo.files import read_json
from kzoo.tokenizers.byte_bpe_json import arguments_of_json

CLASSES = {
    f"{family}Tokenizer{suffix}"
    for family in ("GPT2", "Roberta", "Bart")
    for suffix in ("", "Fast")
}
# Both names mean: what tokenizer.json says, whatever the family.
GENERIC = {"PreTrainedTokenizerFast", "TokenizersBackend"}
# The two names under which a vocabulary and its merges are published.
PLAIN_FILES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
_ARGUMENTS = {
    "bos_token": "start_token",
    "eos_token": "end_token",
    "unk_token": "unknown_token",
    "pad_token": "pad_token",
    "cls_token": "cls_token",
    "sep_token": "sep_token",
    "mask_token": "mask_token",
}
_ROBERTA = {
    "start_token": "<s>",
    "end_token": "</s>",
    "unknown_token": "<unk>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
_GPT2 = {"end_token": "<|endoftext|>"}


def read_file(path: str | os.PathLike) -> dict:
    """Return the constructor arguments of one `tokenizer.json`.

    Args:
        path: The file.

    Returns:
        Arguments of `ByteBPETokenizer`.

    Raises:
        InputError: No such file, or one that is not supported.
    """
    read = arguments_of_json(_read_object(pathlib.Path(path)), path)
    return _completed(read, {}, pathlib.Path(path))


def read_folder(folder: str | os.PathLike) -> dict:
    """Return the constructor arguments that the files of a folder give.

    `tokenizer.json` is read if it is there, else a vocabulary and its merges; what
    `tokenizer_config.json` says outright comes before either, as in transformers.

    Args:
        folder: The folder.

    Returns:
        Arguments of `ByteBPETokenizer`.

    Raises:
        InputError: No such files, or one is not supported.
    """
    folder = pathlib.Path(folder)
    config = _optional(folder / "tokenizer_config.json")
    _check_config(config, folder)
    names = _optional(folder / "special_tokens_map.json")
    names |= {key: value for key, value in config.items() if value is not None}
    plain = next((p for p in PLAIN_FILES if (folder / p[0]).is_file()), None)
    if (folder / "tokenizer.json").is_file():
        path = folder / "tokenizer.json"
        read = arguments_of_json(_read_object(path), path)
    elif plain is not None:
        read = {
            "vocabulary": _vocabulary(folder / plain[0]),
            "merges": _merges(folder / plain[1]),
        }
    else:
        raise InputError(
            "A byte-level BPE tokenizer is read from tokenizer.json, from vocab.json "
            "and merges.txt, or from encoder.json and vocab.bpe.",
            f"folder={str(folder)!r}, which has none of them",
            "Copy the tokenizer files beside the checkpoint.",
        )
    _add_tokens(read, config, _optional(folder / "added_tokens.json"), folder)
    return _completed(read, names, folder)


def _completed(read: dict, names: dict, where: pathlib.Path) -> dict:
    """Return `read` with the special tokens that files or a family's custom name."""
    added = read.pop("added", {})  # token: whether it takes whitespace before it
    frame = read.pop("frame", None)
    if frame is None:
        frame = _is_roberta(read["vocabulary"], names.get("tokenizer_class"))
    given = {
        argument: _text(names[key])
        for key, argument in _ARGUMENTS.items()
        if names.get(key) is not None
    }
    if not frame:
        # transformers' GPT-2 class frames nothing, whatever tokens are named.
        given = {n: t for n, t in given.items() if n not in ("cls_token", "sep_token")}
    tokens = set(read["vocabulary"])
    custom = (_ROBERTA if frame else _GPT2).items()
    custom = {name: token for name, token in custom if token in tokens}
    given = {**custom, **(frame if isinstance(frame, dict) else {}), **given}
    if "end_token" not in given:
        raise InputError(
            "A tokenizer names its end token.",
            f"{str(where)!r} without eos_token, and without <|endoftext|>",
            'Write {"eos_token": "..."} into tokenizer_config.json.',
        )
    for name in ("start_token", "unknown_token"):
        if given.get(name) == given["end_token"]:
            del given[name]
    extra = names.get("additional_special_tokens") or ()
    extra = dict.fromkeys([*map(_text, extra), *added])
    arguments = {
        **read,
        **given,
        "extra_special_tokens": [t for t in extra if t not in given.values()],
    }
    _set_mask_flag(arguments, added, names.get("mask_token"), where)
    if names.get("add_prefix_space") is not None:
        arguments["add_prefix_space"] = bool(names["add_prefix_space"])
    if names.get("split_special_tokens"):
        arguments["special_tokens_in_text"] = False
    return arguments


def _is_roberta(vocabulary: list[str], name: str | None) -> bool:
    """Return whether a vocabulary and its merges, no more being known, are framed."""
    if name in CLASSES:
        return not name.startswith("GPT2")
    return set(_ROBERTA.values()) <= set(vocabulary)


def _set_mask_flag(arguments: dict, added: dict, named, where: pathlib.Path) -> None:
    """Set `mask_takes_space`, and refuse other tokens that take whitespace."""
    mask = arguments.get("mask_token")
    flags = dict(added)
    if isinstance(named, dict):
        flags[mask] = bool(named.get("lstrip", False))
    for token, takes in flags.items():
        if takes and token != mask:
            raise InputError(
                "The mask token alone takes the whitespace before it.",
                f"special token {token!r} with lstrip=True in {str(where)!r}",
                "This is not supported.",
            )
    if mask is not None:
        arguments["mask_takes_space"] = flags.get(mask, True)


def _check_config(config: dict, folder: pathlib.Path) -> None:
    name = config.get("tokenizer_class")
    if name is not None and name not in CLASSES | GENERIC:
        raise InputError(
            "A byte-level BPE tokenizer is one of GPT-2's or RoBERTa's family.",
            f"tokenizer_class={name!r} in {str(folder / 'tokenizer_config.json')!r}",
            f"Supported: {', '.join(sorted(CLASSES | GENERIC))}.",
        )
    if config.get("add_bos_token"):
        raise InputError(
            "GPT-2's tokenizer puts nothing before a text.",
            f"add_bos_token=true in {str(folder / 'tokenizer_config.json')!r}",
            "This is not supported.",
        )


def _add_tokens(read: dict, config: dict, added: dict, folder: pathlib.Path) -> None:
    """Append the tokens that transformers adds to those of the vocabulary file."""
    listed = {
        _text(token): (int(index), token)
        for index, token in config.get("added_tokens_decoder", {}).items()
    }
    listed |= {token: (index, token) for token, index in added.items()}
    vocabulary = read["vocabulary"]
    ids = {token: index for index, token in enumerate(vocabulary)}
    flags = read.setdefault("added", {})
    for token, (index, entry) in sorted(listed.items(), key=lambda item: item[1][0]):
        entry = entry if isinstance(entry, dict) else {}
        if token not in ids and index == len(vocabulary):
            ids[token] = index
            vocabulary.append(token)
        special = entry.get("special", True)
        unusual = entry.get("rstrip") or entry.get("single_word")
        if ids.get(token) != index or not special or unusual:
            raise InputError(
                "Added tokens are special, matched as they are, and follow the "
                "vocabulary without a gap.",
                f"added token {token!r} with id={index} in {str(folder)!r}",
                "This token is not supported.",
            )
        flags[token] = bool(entry.get("lstrip", flags.get(token, False)))


def _text(token) -> str:
    """Return a token that is written as text or as an AddedToken dictionary."""
    return token["content"] if isinstance(token, dict) else str(token)


def _vocabulary(path: pathlib.Path) -> list[str]:
    ids = _read_object(path)
    if sorted(ids.values()) != list(range(len(ids))):
        raise InputError(
            "A vocabulary's ids run from 0 on without a gap.", f"path={str(path)!r}"
        )
    return sorted(ids, key=ids.__getitem__)


def _merges(path: pathlib.Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "A list of merges can be read as UTF-8 text.",
            f"path={str(path)!r} ({error})",
            "It lies beside the vocabulary; copy both.",
        ) from error
    # The version line is a comment; a merge may begin with the sign, as `# #` does.
    if lines[0].startswith("#version"):
        del lines[0]
    return [line for line in lines if line]


def _optional(path: pathlib.Path) -> dict:
    return _read_object(path) if path.is_file() else {}


def _read_object(path: pathlib.Path) -> dict:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            "A tokenizer file is a JSON object.",
            f"path={str(path)!r} with a {type(content).__name__}",
        )
    return content
