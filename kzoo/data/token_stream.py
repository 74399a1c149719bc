"""The tokens of a corpus in one flat array, and where its documents start."""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator

import numpy as np

from kzoo.data.corpora import Corpus
from kzoo.errors import InputError

# A line break between two characters that are no white space, or one before a single
# space. Byte-level BPE as in GPT-2 never joins what stands before it, or itself, with
# what follows, so that text may be cut behind it without changing a token.
_SAFE_CUT = re.compile(r"(?<=\S)\n(?=\S)|\n(?= \S)")
_PIECE = 100_000  # characters
_BATCH = 1_000_000  # characters tokenised by one call

# What a tokenizer is told apart by, beside its vocabulary.
_PROBE = "The quick brown fox\n\n jumps over 1,234 lazy dogs; don't they?  (Ja: äöü.)"


@dataclasses.dataclass(frozen=True, eq=False)
class TokenStream:
    """The tokens of documents, one behind the other.

    Where the tokenizer has an end token, it stands between two documents, and belongs
    to the one that it ends.

    Args:
        tokens: (n,) uint16 or uint32; may be memory-mapped.
        documents: (d, 3) int64: position of a document's first token, its
            characters, its bytes in UTF-8.
        where: What it came from, for messages.
        notes: What was decided while reading.

    Example:
        >>> stream = TokenStream(np.arange(5, dtype="uint16"), np.array([[0, 9, 9]]))
        >>> len(stream), stream.characters
        (5, 9)
    """

    tokens: np.ndarray
    documents: np.ndarray
    where: str = "tokens"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def characters(self) -> int:
        """How many characters the documents have."""
        return int(self.documents[:, 1].sum())

    @property
    def bytes(self) -> int:
        """How many bytes of UTF-8 the documents have."""
        return int(self.documents[:, 2].sum())

    def fingerprint(self) -> str:
        """Return the sha256 of tokens and documents, as hexadecimal."""
        digest = hashlib.sha256()
        for start in range(0, len(self.tokens), 1 << 22):
            digest.update(
                self.tokens[start : start + (1 << 22)].astype("<u4").tobytes()
            )
        digest.update(np.ascontiguousarray(self.documents, "<i8").tobytes())
        return digest.hexdigest()


def tokenize_corpus(
    corpus: Corpus,
    tokenizer,
    progress: Callable[[int, int], None] | None = None,
) -> TokenStream:
    """Tokenise documents once.

    Args:
        corpus: The documents.
        tokenizer: A tokenizer of `kzoo.tokenizers`: `encode_batch`, `end_id`,
            `vocabulary_size`.
        progress: Called as `progress(done, total)`, in characters.

    Returns:
        The tokens.

    Raises:
        InputError: If the tokenizer frames texts with special tokens.
    """
    _require_no_frame(tokenizer)
    dtype = token_dtype(tokenizer.vocabulary_size)
    end = getattr(tokenizer, "end_id", None)
    ends = np.zeros(0 if end is None else 1, dtype)
    ends[:] = 0 if end is None else end
    parts: list[np.ndarray] = []
    rows = np.zeros((len(corpus.documents), 3), "int64")
    position = done = 0
    whole = not _may_cut(tokenizer)
    for number, ids, document in _encoded(corpus.documents, tokenizer, dtype, whole):
        if document is not None:  # the first piece of it
            if number:
                parts.append(ends)
                position += len(ends)
            size = len(document.encode("utf-8", "surrogatepass"))
            rows[number] = position, len(document), size
            done += len(document)
            if progress is not None:
                progress(done, corpus.characters)
        parts.append(ids)
        position += len(ids)
    tokens = np.concatenate(parts) if parts else np.zeros(0, dtype)
    return TokenStream(tokens, rows, corpus.where, tuple(corpus.notes))


def _encoded(documents, tokenizer, dtype, whole) -> Iterator[tuple]:
    """Yield (document number, ids, the document with its first piece) in order."""
    batch: list[tuple[int, str, str | None]] = []
    size = 0

    def flush():
        texts = [text for _, text, _ in batch]
        ids = tokenizer.encode_batch(texts, max_length=None).ids
        for (number, _, document), row in zip(batch, ids, strict=True):
            yield number, np.asarray(row, dtype), document

    for number, document in enumerate(documents):
        first: str | None = document
        for piece in [document] if whole else pieces(document):
            batch.append((number, piece, first))
            first = None
            size += len(piece)
            if size >= _BATCH:
                yield from flush()
                batch, size = [], 0
    if batch:
        yield from flush()


def pieces(text: str, size: int = _PIECE) -> Iterator[str]:
    r"""Yield a text in pieces that are tokenised as the whole is.

    Args:
        text: The text.
        size: The least number of characters of every piece but the last.

    Yields:
        The pieces; each but the last ends at a line break that no token crosses.

    Example:
        >>> list(pieces("one\ntwo\n\nthree", size=1))
        ['one\n', 'two\n\nthree']
    """
    start = 0
    while len(text) - start > size:
        found = _SAFE_CUT.search(text, start + size)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def _may_cut(tokenizer) -> bool:
    return not getattr(tokenizer, "add_prefix_space", False)


def _require_no_frame(tokenizer) -> None:
    if list(tokenizer.encode("")):
        raise InputError(
            "A tokenizer for language modelling adds no special tokens to a text.",
            f"{type(tokenizer).__name__} with ids {list(tokenizer.encode(''))} for ''",
            "Use GPT-2's tokenizer, one trained by kzoo, or characters.",
        )


def token_dtype(vocabulary_size: int) -> str:
    """Return the smallest unsigned type that holds every id of a vocabulary."""
    return "uint16" if vocabulary_size <= 2**16 else "uint32"


def tokenizer_fingerprint(tokenizer) -> str:
    """Return a sha256 that differs where two tokenizers would give other ids.

    It covers the vocabulary in the order of its ids, the end token and how a probe
    text is split.

    Args:
        tokenizer: A tokenizer of `kzoo.tokenizers`.

    Returns:
        Hexadecimal digits.
    """
    digest = hashlib.sha256()
    vocabulary = tokenizer.vocabulary
    if isinstance(vocabulary, dict):
        vocabulary = sorted(vocabulary, key=vocabulary.__getitem__)
    for token in vocabulary:
        data = str(token).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "little") + data)
    digest.update(f"end {getattr(tokenizer, 'end_id', None)};".encode())
    try:
        probe = tokenizer.encode(_PROBE)
    except InputError:  # a tokenizer of characters refuses those that it lacks
        known = set("".join(map(str, vocabulary)))
        probe = tokenizer.encode("".join(c for c in _PROBE if c in known))
    digest.update(str([int(i) for i in probe]).encode())
    return digest.hexdigest()
