"""The vocabulary that a graph looks words up in: the tokens and some markers."""

from typing import NamedTuple

import numpy as np

from kzoo.export.graph_tokenizers.normalisation_tables import NormalisationTables


class GraphVocabulary(NamedTuple):
    """Tokens for lookup, and the ids that they stand for.

    A marker is a word of one character that normalised text never holds (a space of
    another kind). One ends each text of the batch, one stands for any unknown word,
    and one for each special token that is spelt out in a text.

    Args:
        tokens: The vocabulary, then the markers.
        ids: int32, the id that each of `tokens` stands for; the end of a text is -1.
        row_end: The marker that ends a text.
        unknown: The marker of an unknown word.
        special_tokens: The special tokens, the longer ones first.
        special_markers: The marker of each.
    """

    tokens: list[str]
    ids: np.ndarray
    row_end: str
    unknown: str
    special_tokens: tuple[str, ...]
    special_markers: tuple[str, ...]


def graph_vocabulary(tokenizer, tables: NormalisationTables) -> GraphVocabulary:
    """Return what a graph looks up.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        tables: Its normalisation tables.

    Returns:
        Tokens, ids and markers.
    """
    special = tuple(sorted(set(tokenizer.special_tokens), key=lambda t: (-len(t), t)))
    free = (chr(code) for code in tables.markers if code >= 0x2000)
    row_end, unknown, *markers = (
        marker for marker, _ in zip(free, range(len(special) + 2), strict=False)
    )
    ids = [*range(tokenizer.vocabulary_size), -1, tokenizer.unknown_id]
    ids += [tokenizer.token_to_id(token) for token in special]
    return GraphVocabulary(
        [*tokenizer.vocabulary, row_end, unknown, *markers],
        np.array(ids, "int32"),
        row_end,
        unknown,
        special,
        tuple(markers),
    )


def limitations(tokenizer) -> tuple[str, ...]:
    """Return for which texts a graph cannot give the host's ids.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.

    Returns:
        Sentences; empty for every tokenizer of the BERT family.
    """
    found = []
    special = sorted(set(tokenizer.special_tokens))
    for first in special:
        for second in special:
            if _may_overlap(first, second):
                found.append(
                    f"special tokens {first!r} and {second!r} can overlap in a text; "
                    "where they do, the graph may choose another one than the host"
                )
    return tuple(found)


def _may_overlap(first: str, second: str) -> bool:
    """Return whether `second` can begin inside `first`, behind its first letter."""
    return any(
        first[start:].startswith(second) or second.startswith(first[start:])
        for start in range(1, len(first))
    )
