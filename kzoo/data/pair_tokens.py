"""Token ids of pairs: both sides held flat, tokenised once."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from kzoo.data.pairs import Pairs
from kzoo.data.token_rows import TokenRows, tokenize
from kzoo.errors import InputError

LONG_PAIRS = ("drop", "error")


@dataclasses.dataclass(frozen=True, eq=False)
class PairTokens:
    """The ids of n pairs, each side ended by the tokenizer's end token.

    Args:
        sources: The ids of the sources.
        targets: The ids of the targets; they have no start token.
        notes: What reading and tokenising had to say.
        where: What they came from, for messages.
        characters: How many characters both sides were.

    Example:
        >>> rows = TokenRows(np.array([5, 2, 7, 8, 2]), np.array([0, 2, 5]))
        >>> tokens = PairTokens(rows, rows)
        >>> len(tokens), tokens.total
        (2, 10)
    """

    sources: TokenRows
    targets: TokenRows
    notes: tuple[str, ...] = ()
    where: str = "pairs"
    characters: int = 0

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def total(self) -> int:
        """How many tokens both sides have."""
        return len(self.sources.flat) + len(self.targets.flat)

    def subset(self, rows: Sequence[int] | np.ndarray) -> "PairTokens":
        """Return the pairs at some positions, in that order."""
        return dataclasses.replace(
            self, sources=_taken(self.sources, rows), targets=_taken(self.targets, rows)
        )

    def fingerprint(self) -> str:
        """Return the sha256 of all ids and row ends, as hexadecimal."""
        digest = hashlib.sha256()
        for side in (self.sources, self.targets):
            digest.update(np.ascontiguousarray(side.offsets, dtype="<i8").tobytes())
            digest.update(np.ascontiguousarray(side.flat, dtype="<i4").tobytes())
        return digest.hexdigest()


def tokenize_pairs(
    pairs: Pairs, tokenizer, progress: Callable[[int, int], None] | None = None
) -> PairTokens:
    """Tokenise both sides of pairs once, in chunks; nothing is cut.

    Args:
        pairs: The pairs.
        tokenizer: Anything with `encode_source(texts)` and `encode_target(texts)` as
            `kzoo.tokenizers.TranslationTokenizer` has them.
        progress: Called as `progress(done, total)`, in texts of both sides.

    Returns:
        The ids.
    """
    count = len(pairs)

    def tell(offset: int) -> Callable[[int, int], None] | None:
        told = progress
        if told is None:
            return None
        return lambda done, _: told(offset + done, 2 * count)

    return PairTokens(
        tokenize(pairs.sources, _Side(tokenizer.encode_source), None, tell(0)),
        tokenize(pairs.targets, _Side(tokenizer.encode_target), None, tell(count)),
        pairs.notes,
        pairs.where,
        sum(map(len, pairs.sources)) + sum(map(len, pairs.targets)),
    )


class _Side:
    """One side of a tokenizer of two, under the name that `tokenize` calls."""

    def __init__(self, encode: Callable) -> None:
        self._encode = encode

    def encode_batch(self, texts, max_length=None):
        return self._encode(texts, max_length=max_length)


def fitting(tokens: PairTokens, max_length: int | None, long_pairs: str) -> PairTokens:
    """Return the pairs whose sides have `max_length` tokens at most, end included.

    Args:
        tokens: The pairs.
        max_length: Most tokens of a side; `None` takes all.
        long_pairs: What a longer pair is: one to `"drop"`, or an `"error"`.

    Returns:
        The pairs, with a note that counts what was left out.

    Raises:
        InputError: If a pair is too long and that is an error, or none is left.
    """
    if max_length is None:
        return tokens
    longest = np.maximum(tokens.sources.lengths, tokens.targets.lengths)
    bad = np.flatnonzero(longest > max_length)
    if not len(bad):
        return tokens
    if long_pairs == "error":
        raise InputError(
            "A pair is no longer than what the model has positions for.",
            f"{len(bad):,} of {len(tokens):,} pairs of {tokens.where} with more than "
            f"{max_length} tokens on a side, pair {bad[0] + 1} first with "
            f"{longest[bad[0]]}",
            "Shorten them, or leave them out: long_pairs='drop' (--long-pairs drop).",
        )
    if len(bad) == len(tokens):
        raise InputError(
            "Some pairs are no longer than the longest that is allowed.",
            f"max_length={max_length}, the shortest of {len(tokens):,} pairs of "
            f"{tokens.where} has {longest.min()} tokens",
            "Pass a greater max_length (--max-length).",
        )
    note = (
        f"{tokens.where}: {len(bad):,} of {len(tokens):,} pairs left out for more than "
        f"{max_length} tokens on a side; the longest has {longest.max()}"
    )
    kept = tokens.subset(np.flatnonzero(longest <= max_length))
    return dataclasses.replace(kept, notes=(*tokens.notes, note))


def _taken(rows: TokenRows, picked: Sequence[int] | np.ndarray) -> TokenRows:
    spans = [slice(rows.offsets[i], rows.offsets[i + 1]) for i in picked]
    offsets = np.zeros(len(spans) + 1, dtype="int64")
    np.cumsum([span.stop - span.start for span in spans], out=offsets[1:])
    flat = np.concatenate([rows.flat[:0], *(rows.flat[span] for span in spans)])
    return TokenRows(flat, offsets)
