"""Opening whichever tokenizer a folder holds."""

import os
import pathlib
from collections.abc import Callable

from kzoo.errors import InputError, reading
from kzoo.files import read_json


def _word_piece():
    from kzoo.tokenizers.wordpiece import WordPieceTokenizer

    return WordPieceTokenizer


def _byte_bpe():
    from kzoo.tokenizers.byte_bpe import ByteBPETokenizer

    return ByteBPETokenizer


def _characters():
    from kzoo.tokenizers.character import CharacterTokenizer

    return CharacterTokenizer


def _translation():
    from kzoo.tokenizers.translation import TranslationTokenizer

    return TranslationTokenizer


def _sentence_piece():
    from kzoo.tokenizers.sentencepiece import SentencePieceTokenizer

    return SentencePieceTokenizer


# The files that tell a kind where there is no tokenizer.json, all of them needed.
_PLAIN_FILES: tuple[tuple[tuple[str, ...], Callable], ...] = (
    (("vocab.txt",), _word_piece),
    (("vocab.json", "merges.txt"), _byte_bpe),
    (("encoder.json", "vocab.bpe"), _byte_bpe),
    (("spiece.model",), _sentence_piece),
    (("sentencepiece.bpe.model",), _sentence_piece),
    (("tokenizer.model",), _sentence_piece),
)
# Two models tell a translator's tokenizer even beside a tokenizer.json, which some
# publish for the browser and which knows the source alone.
_TRANSLATION_FILES = ("source.spm", "target.spm")


def has_tokenizer(folder: str | os.PathLike) -> bool:
    """Return whether a folder holds files that `from_folder` takes for a tokenizer.

    Args:
        folder: The folder.

    Returns:
        True where there is `tokenizer.json`, `vocab.txt`, a vocabulary with its
        merges, or a SentencePiece model. It need not be a tokenizer that is supported.
    """
    folder = pathlib.Path(folder)
    told = _is_translation(folder) or (folder / "tokenizer.json").is_file()
    return told or bool(_plain_kinds(folder))


def from_folder(folder: str | os.PathLike):
    """Return the tokenizer of a folder, whatever its kind.

    `source.spm` with `target.spm` is a translator's. Else `tokenizer.json` says its
    kind outright and is believed alone. Without it the names of the files tell:
    `vocab.txt` is WordPiece; `vocab.json` with `merges.txt`, or `encoder.json` with
    `vocab.bpe`, is byte-level BPE; `spiece.model`, `sentencepiece.bpe.model` or
    `tokenizer.model` is SentencePiece.

    Args:
        folder: A Hugging Face folder, or one that a tokenizer's `save` wrote.

    Returns:
        A `WordPieceTokenizer`, `ByteBPETokenizer`, `CharacterTokenizer`,
        `SentencePieceTokenizer` or `TranslationTokenizer`.

    Raises:
        InputError: No tokenizer, one of an unknown kind, or files of two kinds.

    Example:
        >>> import tempfile
        >>> from kzoo.tokenizers import CharacterTokenizer
        >>> folder = tempfile.mkdtemp()
        >>> CharacterTokenizer(["a", "b"]).save(folder)
        >>> from_folder(folder)
        <CharacterTokenizer: 2 tokens>
    """
    with reading("tokenizer", folder):
        return _from_folder(pathlib.Path(folder))


def _from_folder(folder: pathlib.Path):
    if _is_translation(folder):
        return _translation().from_folder(folder)
    if (folder / "tokenizer.json").is_file():
        return _kind_of_json(folder / "tokenizer.json")().from_folder(folder)
    kinds = _plain_kinds(folder)
    if len(kinds) != 1:
        what = "files of two kinds" if kinds else "no tokenizer"
        raise InputError(
            "A tokenizer is tokenizer.json, vocab.txt, vocab.json with merges.txt, "
            "encoder.json with vocab.bpe, spiece.model, or source.spm with target.spm.",
            f"folder={str(folder)!r} with {what}",
            "Keep the files of one tokenizer in the folder.",
        )
    return kinds[0]().from_folder(folder)


def _is_translation(folder: pathlib.Path) -> bool:
    return all((folder / name).is_file() for name in _TRANSLATION_FILES)


def _plain_kinds(folder: pathlib.Path) -> list[Callable]:
    found = [
        kind
        for names, kind in _PLAIN_FILES
        if all((folder / name).is_file() for name in names)
    ]
    return list(dict.fromkeys(found))


def _kind_of_json(path: pathlib.Path) -> Callable:
    from kzoo.tokenizers.character_files import is_character_json

    content = read_json(path)
    content = content if isinstance(content, dict) else {}
    model = content.get("model")
    model = model if isinstance(model, dict) else {}
    # The first files of the library name no type; merges tell BPE all the same.
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind == "WordPiece":
        return _word_piece
    if kind == "BPE" and _is_byte_level(content):
        return _byte_bpe
    if is_character_json(content):
        return _characters
    raise InputError(
        "A tokenizer.json is WordPiece, byte-level BPE, or characters.",
        f"model.type={kind!r} in {str(path)!r}",
        "This kind is not supported.",
    )


def _is_byte_level(content: dict) -> bool:
    pre_tokenizer = content.get("pre_tokenizer") or {}
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    return any(part.get("type") == "ByteLevel" for part in parts)
