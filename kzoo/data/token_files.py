"""Tokens on disk: a corpus tokenised once, memory-mapped by every training."""

import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable

import numpy as np

from kzoo.data.corpora import corpus_splits, read_corpus
from kzoo.data.token_stream import (
    TokenStream,
    token_dtype,
    tokenize_corpus,
    tokenizer_fingerprint,
)
from kzoo.errors import InputError, reading
from kzoo.files import read_json, write_json

FORMAT = "kzoo-tokens-1"
_INDEX, _TOKENS, _DOCUMENTS = "tokens.json", "tokens.bin", "documents.npy"
_TOKENIZER = "tokenizer"


def prepare_tokens(
    spec: str | os.PathLike,
    folder: str | os.PathLike,
    tokenizer,
    progress: Callable[[int, int], None] | None = None,
    **read_options,
) -> pathlib.Path:
    """Tokenise every split of a data spec and write it as a folder.

    The folder is a data spec of its own. It holds `tokens.json` (what was tokenised
    and by which tokenizer), the tokenizer, and for each split `SPLIT/tokens.bin`, the
    ids as raw little-endian integers, and `SPLIT/documents.npy`. It appears by one
    rename, when it is complete.

    Args:
        spec: The data spec, see `kzoo.data.read_corpus`.
        folder: The folder to write.
        tokenizer: A tokenizer of `kzoo.tokenizers`.
        progress: Called as `progress(done, total)` while a split is tokenised.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        The folder.

    Raises:
        InputError: If the spec cannot be read or the folder exists.

    Example:
        >>> import kzoo.data
        >>> kzoo.data.prepare_tokens("books", "tokens", tokenizer)  # doctest: +SKIP
    """
    target = pathlib.Path(folder).expanduser()
    if target.exists():
        raise InputError(
            "Tokens are written where there is nothing.",
            f"folder={str(target)!r}, which exists",
            "Name another folder, or remove it.",
        )
    names = corpus_splits(spec, **read_options)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(
        tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent)
    )
    try:
        splits = {}
        for split in names:
            corpus = read_corpus(spec, split, **read_options)
            stream = tokenize_corpus(corpus, tokenizer, progress)
            splits[split] = _write_split(stream, scratch / split)
        tokenizer.save(scratch / _TOKENIZER)
        write_json(
            scratch / _INDEX,
            {
                "format": FORMAT,
                "spec": os.fspath(spec),
                "dtype": token_dtype(tokenizer.vocabulary_size),
                "vocabulary_size": tokenizer.vocabulary_size,
                "tokenizer": type(tokenizer).__name__,
                "tokenizer_sha256": tokenizer_fingerprint(tokenizer),
                "splits": splits,
            },
        )
        scratch.chmod(0o755)
        os.rename(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _write_split(stream: TokenStream, folder: pathlib.Path) -> dict:
    folder.mkdir()
    little = stream.tokens.astype(stream.tokens.dtype.newbyteorder("<"), copy=False)
    with open(folder / _TOKENS, "wb") as file:
        little.tofile(file)
        file.flush()
        os.fsync(file.fileno())
    np.save(folder / _DOCUMENTS, stream.documents, allow_pickle=False)
    return {
        "tokens": len(stream),
        "documents": len(stream.documents),
        "characters": stream.characters,
        "bytes": stream.bytes,
        "sha256": stream.fingerprint(),
        "notes": list(stream.notes),
    }


def is_token_folder(spec: object) -> bool:
    """Return whether a data spec names a folder that `prepare_tokens` wrote."""
    if not isinstance(spec, str | os.PathLike):
        return False
    index = pathlib.Path(spec).expanduser() / _INDEX
    value = read_index(spec, check=False) if index.is_file() else None
    return isinstance(value, dict) and value.get("format") == FORMAT


def read_index(spec: str | os.PathLike, check: bool = True) -> dict:
    """Return what `tokens.json` says.

    Args:
        spec: The folder.
        check: Whether another format is an error.

    Returns:
        Its fields.

    Raises:
        InputError: If it is not there, cut short, or of another format.
    """
    path = pathlib.Path(spec).expanduser() / _INDEX
    index = read_json(path)
    if not isinstance(index, dict) or (check and index.get("format") != FORMAT):
        raise InputError(
            f"A folder of tokens says format {FORMAT!r}.",
            f"{str(path)!r}",
            "Prepare it again with kzoo data prepare.",
        )
    return index


def open_tokens(spec: str | os.PathLike, split: str, tokenizer) -> TokenStream:
    """Return a split of a token folder; its tokens stay on disk until they are used.

    Args:
        spec: The folder.
        split: One of its splits.
        tokenizer: The model's tokenizer, which must be the one that wrote it; None
            to not check.

    Returns:
        The tokens, memory-mapped.

    Raises:
        InputError: If the split or a file is missing, a file has another size than
            it should, or another tokenizer wrote the tokens.
    """
    folder = pathlib.Path(spec).expanduser()
    with reading("folder of tokens", folder):
        return _open_tokens(folder, split, tokenizer)


def _open_tokens(folder: pathlib.Path, split: str, tokenizer) -> TokenStream:
    index = read_index(folder)
    if tokenizer is not None:
        _check_tokenizer(index, folder, tokenizer)
    if split not in index["splits"]:
        raise InputError(
            "A split of prepared tokens is one that was written.",
            f"split={split!r}, folder={str(folder)!r} with "
            f"{', '.join(index['splits'])}",
            "Read one of those, or prepare the folder again with another share.",
        )
    about = index["splits"][split]
    dtype = np.dtype(index["dtype"]).newbyteorder("<")
    path = folder / split / _TOKENS
    size = path.stat().st_size if path.is_file() else -1
    if size != about["tokens"] * dtype.itemsize:
        raise InputError(
            "A file of tokens is as long as tokens.json says.",
            f"{str(path)!r} with {max(size, 0):,} bytes, not "
            f"{about['tokens'] * dtype.itemsize:,}",
            "Copy the folder again, or prepare it again.",
        )
    try:
        documents = np.load(folder / split / _DOCUMENTS, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            "A folder of tokens holds documents.npy for each split.",
            f"{str(folder / split / _DOCUMENTS)!r} ({error})",
            "Copy the folder again, or prepare it again.",
        ) from error
    tokens = np.memmap(path, dtype=dtype, mode="r", shape=(about["tokens"],))
    return TokenStream(tokens, documents, str(folder), tuple(about["notes"]))


def _check_tokenizer(index: dict, folder: pathlib.Path, tokenizer) -> None:
    if index["tokenizer_sha256"] == tokenizer_fingerprint(tokenizer):
        return
    raise InputError(
        "A model trains on tokens of its own tokenizer.",
        f"tokens in {str(folder)!r} of a {index['tokenizer']} of "
        f"{index['vocabulary_size']:,}, a model with a {type(tokenizer).__name__} of "
        f"{tokenizer.vocabulary_size:,}",
        f"Use {folder / _TOKENIZER}, or prepare the text again with the model's.",
    )
