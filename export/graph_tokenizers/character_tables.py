"""What the graph forms of a tokenizer of characters look up."""

from typing import NamedTuple

import numpy as np

from kzoo.export.graph_tokenizers.graph_vocabulary import limitations

LEFT_OUT = -2  # a character that has no id: it goes


class CharacterTables(NamedTuple):
    """The ids of code points and of special tokens that are spelt out.

    Args:
        ids: int32, the id of each code point up to the largest one known; the last
            stands for all others.
        tokens: The special tokens of several characters, the longer ones first.
        values: int32, the id that each mark stands for, from `ROW_END` on: -1 for the
            end of a text, then those of `tokens`.
    """

    ids: np.ndarray
    tokens: tuple[str, ...]
    values: np.ndarray


def character_tables(tokenizer) -> CharacterTables:
    """Return the tables of a `kzoo.tokenizers.CharacterTokenizer`."""
    other = LEFT_OUT if tokenizer.unknown_id is None else tokenizer.unknown_id
    ids = tokenizer.ids_of_code_points
    long = [token for token in tokenizer.special_tokens if len(token) > 1]
    tokens = tuple(sorted(long, key=lambda token: (-len(token), token)))
    values = [-1, *(tokenizer.token_to_id(token) for token in tokens)]
    return CharacterTables(
        np.where(ids < 0, other, ids).astype("int32"),
        tokens,
        np.array(values, "int32"),
    )


def character_limitations(tokenizer) -> tuple[str, ...]:
    """Return for which texts a graph cannot do what the host does.

    Args:
        tokenizer: A `kzoo.tokenizers.CharacterTokenizer`.

    Returns:
        Sentences; empty where every character has an id.
    """
    refused = ()
    if tokenizer.unknown_id is None:
        refused = (
            "the vocabulary has no unknown token: a character that it lacks, which "
            "the host refuses, is left out in a graph",
        )
    return refused + limitations(tokenizer)
