"""Writing the tokenizer files that transformers opens."""

import json
import os
import pathlib


def write_folder(
    tokenizer, folder: str | os.PathLike, max_length: int | None = None
) -> None:
    """Write vocab.txt, tokenizer.json, its configuration and the special tokens.

    Args:
        tokenizer: A `WordPieceTokenizer`.
        folder: Where to write; made if it does not exist.
        max_length: Noted as `model_max_length`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "unk_token": tokenizer.unknown_token,
        "pad_token": tokenizer.pad_token,
        "cls_token": tokenizer.cls_token,
        "sep_token": tokenizer.sep_token,
        "mask_token": tokenizer.mask_token,
    }
    config = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_chinese_characters,
        **names,
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    lines = "".join(token + "\n" for token in tokenizer.vocabulary)
    (folder / "vocab.txt").write_bytes(lines.encode("utf-8"))
    backend = tokenizer.backend.to_str(pretty=True)
    (folder / "tokenizer.json").write_text(backend + "\n", "utf-8")
    for name, content in (
        ("tokenizer_config.json", config),
        ("special_tokens_map.json", names),
    ):
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", "utf-8")
