"""What byte-level BPE knows of characters, tokens and merges, as arrays."""

import functools
from typing import NamedTuple

import numpy as np

LETTER, NUMBER, SPACE, OTHER, MARK = range(5)
BLOCK = 256
_CODES = 0x110000
# What a mask token takes before it: Unicode's White_Space.
WHITE_SPACE = np.array(
    [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028,
     0x2029, 0x202F, 0x205F, 0x3000], "int32"
)  # fmt: skip
APOSTROPHE = ord("'")
# What an apostrophe makes a word with, in lower case alone.
SHORT_ENDINGS = ("s", "t", "m", "d")
LONG_ENDINGS = ("re", "ve", "ll")


class CharacterClasses(NamedTuple):
    """Which kind of character each code point is: `blocks[index[c // BLOCK]]`.

    Args:
        index: int32 `(codes / BLOCK,)`, the block that each stretch of codes has.
        blocks: int32 `(blocks, BLOCK)`, `LETTER`, `NUMBER`, `SPACE` or `OTHER`.
    """

    index: np.ndarray
    blocks: np.ndarray


@functools.cache
def character_classes() -> CharacterClasses:
    """Return the classes of the Rust library's own Unicode tables.

    They are measured: its splitter is asked for the runs of each kind in a text of
    all code points in order.

    Returns:
        The classes.
    """
    codes = [code for code in range(_CODES) if not 0xD800 <= code < 0xE000]
    text = "".join(map(chr, codes))
    where = np.array(codes)
    classes = np.full(_CODES, OTHER, "int32")
    patterns = {LETTER: r"\p{L}+", NUMBER: r"\p{N}+", SPACE: r"\s+"}
    for kind, pattern in patterns.items():
        inside = np.ones(len(codes), bool)
        for start, end in _without(pattern, text):
            inside[start:end] = False
        classes[where[inside]] = kind
    blocks, index = np.unique(classes.reshape(-1, BLOCK), axis=0, return_inverse=True)
    return CharacterClasses(index.reshape(-1).astype("int32"), blocks)


def _without(pattern: str, text: str) -> list[tuple[int, int]]:
    """Return the stretches of a text that a pattern does not match."""
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    split = Split(Regex(pattern), behavior="removed")
    return [span for _, span in split.pre_tokenize_str(text)]


class MergeTables(NamedTuple):
    """The merges by the ids of their parts.

    Args:
        keys: int64 `(merges,)`, `left * vocabulary_size + right`.
        ranks: int64 `(merges,)`, the lower one is joined first.
        merged: int32, the id that each rank makes.
        at_once: Whether all places of a word's first pair can be joined in one step:
            no token is part of a pair that comes before one that makes it.
    """

    keys: np.ndarray
    ranks: np.ndarray
    merged: np.ndarray
    at_once: bool


def merge_tables(tokenizer) -> MergeTables:
    """Return the merges of a tokenizer as numbers.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.

    Returns:
        The tables; of a pair that is listed twice the later place counts, as in the
        Rust library.
    """
    id_of = tokenizer.token_to_id
    parts = [(id_of(left), id_of(right)) for left, right in tokenizer.merges]
    merged = [id_of(left + right) for left, right in tokenizer.merges]
    size = tokenizer.vocabulary_size
    rank_of = {left * size + right: rank for rank, (left, right) in enumerate(parts)}
    first_use: dict[int, int] = {}
    for rank, pair in enumerate(parts):
        for token in pair:
            first_use.setdefault(token, rank)
    at_once = all(first_use.get(t, rank + 1) > rank for rank, t in enumerate(merged))
    return MergeTables(
        np.array(list(rank_of), "int64"),
        np.array(list(rank_of.values()), "int64"),
        np.array(merged, "int32"),
        at_once,
    )


def whole_words(tokenizer) -> dict[str, int]:
    """Return the words that are one token, which is most words of most texts.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.

    Returns:
        The id of each such word.
    """
    return {
        word: index
        for index, word, row in _encoded_vocabulary(tokenizer)
        if row == [index]
    }


def unreached_words(tokenizer) -> list[str]:
    """Return the words that are in the vocabulary and yet not one token.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.

    Returns:
        The words; none in a vocabulary that was trained.
    """
    split = tokenizer.backend.pre_tokenizer.pre_tokenize_str
    return [
        word
        for index, word, row in _encoded_vocabulary(tokenizer)
        if row != [index] and len(split(word)) == 1
    ]


def _encoded_vocabulary(tokenizer):
    """Yield each id with the text it spells, and that text's ids."""
    spelt = {}
    special = {tokenizer.token_to_id(token) for token in tokenizer.special_tokens}
    for index in set(range(tokenizer.vocabulary_size)) - special:
        try:
            spelt[index] = tokenizer.token_bytes(index).decode("utf-8")
        except UnicodeDecodeError:
            continue  # part of a character is no word
    plain = type(tokenizer).from_config(
        {
            **tokenizer.get_config(),
            "cls_token": None,
            "sep_token": None,
            "add_prefix_space": False,
            "special_tokens_in_text": False,
        }
    )
    rows = plain.encode_batch(list(spelt.values())).ids
    for (index, word), row in zip(spelt.items(), rows, strict=True):
        yield index, word, row.tolist()


def marked_tokens(tokenizer) -> tuple[str, ...]:
    """Return the special tokens that are found in a text, the longer ones first.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.

    Returns:
        The tokens; none where special tokens are text like any other.
    """
    if not tokenizer.special_tokens_in_text:
        return ()
    return tuple(sorted(tokenizer.special_tokens, key=lambda t: (-len(t), t)))


def spelt_bytes(tokenizer, skip_special_tokens: bool) -> list[bytes]:
    """Return the bytes that each id spells, and none for one id more.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        skip_special_tokens: Whether special tokens spell nothing.

    Returns:
        `vocabulary_size + 1` strings of bytes; the last stands for what is no token.
    """
    hidden = {tokenizer.token_to_id(token) for token in tokenizer.special_tokens}
    hidden = hidden if skip_special_tokens else set()
    return [
        b"" if index in hidden else tokenizer.token_bytes(index)
        for index in range(tokenizer.vocabulary_size + 1)
    ]
