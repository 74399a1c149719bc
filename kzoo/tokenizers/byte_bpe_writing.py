"""Writing the byte-level BPE files that transformers opens."""

import json
import os
import pathlib

from kzoo.files import replacing, write_json
from kzoo.tokenizers.byte_bpe_backend import takes_space


def write_folder(
    tokenizer, folder: str | os.PathLike, max_length: int | None = None
) -> None:
    """Write the vocabulary, the merges, tokenizer.json and its configuration.

    Args:
        tokenizer: A `ByteBPETokenizer`.
        folder: Where to write; made if it does not exist.
        max_length: Noted as `model_max_length`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = _special_names(tokenizer)
    config = {
        "tokenizer_class": _class_name(tokenizer),
        "add_prefix_space": tokenizer.add_prefix_space,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
        **names,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(token)): _added(tokenizer, token)
            for token in tokenizer.special_tokens
        },
    }
    if not tokenizer.special_tokens_in_text:
        config["split_special_tokens"] = True
    if max_length is not None:
        config["model_max_length"] = max_length
    lines = "".join(f"{left} {right}\n" for left, right in tokenizer.merges)
    with replacing(folder / "merges.txt") as path:
        path.write_text("#version: 0.2\n" + lines, "utf-8", newline="\n")
    with replacing(folder / "vocab.json") as path:
        path.write_text(json.dumps(tokenizer._id_of, ensure_ascii=False), "utf-8")
    with replacing(folder / "tokenizer.json") as path:
        backend = tokenizer.backend.to_str(pretty=True)
        path.write_text(backend + "\n", "utf-8")
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "special_tokens_map.json", names)


def _special_names(tokenizer) -> dict:
    """Return the special tokens under transformers' names.

    Args:
        tokenizer: A `ByteBPETokenizer`.

    Returns:
        The names that apply; `pad_token` is left out where it is the end token.
    """
    names: dict = {
        "bos_token": tokenizer.start_token or tokenizer.end_token,
        "eos_token": tokenizer.end_token,
        "unk_token": tokenizer.unknown_token or tokenizer.end_token,
        "pad_token": tokenizer.pad_token,
        "cls_token": tokenizer.cls_token,
        "sep_token": tokenizer.sep_token,
        "mask_token": tokenizer.mask_token,
    }
    names = {name: token for name, token in names.items() if token is not None}
    if tokenizer.extra_special_tokens:
        names["additional_special_tokens"] = list(tokenizer.extra_special_tokens)
    return names


def _class_name(tokenizer) -> str:
    return "RobertaTokenizer" if tokenizer.is_framed else "GPT2Tokenizer"


def _added(tokenizer, token: str) -> dict:
    return {
        "content": token,
        "lstrip": takes_space(tokenizer, token),
        "normalized": False,
        "rstrip": False,
        "single_word": False,
        "special": True,
    }
