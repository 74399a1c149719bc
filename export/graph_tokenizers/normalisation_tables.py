"""What the Rust normalizer does to each code point, measured and kept as tables.

BERT's normalisation acts on one character at a time: each becomes a few characters,
whatever stands around it. One thing alone depends on the neighbours: where accents
are stripped the text is decomposed (NFD), and combining marks that survive the
stripping are put into canonical order. So the tables hold, for each code point, what
it becomes, and for the surviving marks their rank in that order.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

CODE_POINTS = 0x110000
REPLACEMENT = 0xFFFD
BLOCK = 128

KEEP = 0  # stays as it is
DROP = 1  # goes, and marks on both sides of it become neighbours
DROP_STARTER = 2  # goes, but marks do not pass it
SPACE = 3  # ends a word
ISOLATE = 4  # is a word of its own
FIRST_SEQUENCE = 5  # this class and those above become a sequence of characters


class Sequence(NamedTuple):
    """What a character of one class becomes.

    Args:
        base: The characters that begin it, spaces included.
        marks: Combining marks behind the base that take part in reordering, each as
            (code point, rank in canonical order).
        starter: Whether marks do not pass this character.
    """

    base: tuple[int, ...]
    marks: tuple[tuple[int, int], ...] = ()
    starter: bool = True


class NormalisationTables(NamedTuple):
    """The class of each code point, and the meaning of the classes.

    Args:
        index: int32 `(CODE_POINTS / BLOCK,)`, the block of a code point.
        blocks: int32 `(blocks, BLOCK)`, the classes of a block.
        sequences: What the classes from `FIRST_SEQUENCE` on become; those with
            marks stand last.
        markers: Code points that no word ever holds, free to mark things.
    """

    index: np.ndarray
    blocks: np.ndarray
    sequences: tuple[Sequence, ...]
    markers: tuple[int, ...]

    def class_of(self, code: int) -> int:
        """Return the class of one code point."""
        return int(self.blocks[self.index[code // BLOCK], code % BLOCK])

    @property
    def first_mark(self) -> int:
        """The first class with marks; beyond the last class if there is none."""
        plain = sum(not sequence.marks for sequence in self.sequences)
        return FIRST_SEQUENCE + plain

    @property
    def has_marks(self) -> bool:
        """Whether any mark survives, so that there is something to reorder."""
        return self.first_mark < FIRST_SEQUENCE + len(self.sequences)

    @property
    def starters(self) -> np.ndarray:
        """Bool `(classes,)`: whether marks do not pass a character of the class."""
        fixed = [True] * FIRST_SEQUENCE
        fixed[DROP] = False
        return np.array([*fixed, *(s.starter for s in self.sequences)])


def normalisation_tables(tokenizer) -> NormalisationTables:
    """Return the tables of a tokenizer's normalizer and pre-tokenizer.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.

    Returns:
        The tables, measured once for each setting and then kept.
    """
    return _measure(
        bool(tokenizer.lowercase),
        bool(tokenizer.strips_accents),
        bool(tokenizer.split_chinese_characters),
        bool(tokenizer.clean_text),
    )


@functools.lru_cache(maxsize=8)
def _measure(lowercase, strip_accents, split_chinese, clean_text):
    from tokenizers.normalizers import BertNormalizer

    normalizer = BertNormalizer(
        clean_text=clean_text,
        handle_chinese_chars=split_chinese,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    becomes = _becomes(normalizer)
    ranks = _mark_ranks(becomes) if strip_accents else {}
    passed = _passed_by_marks(normalizer, ranks)
    classes = np.zeros(CODE_POINTS, "int32")
    plain: dict[Sequence, int] = {}
    marked: dict[Sequence, int] = {}
    for code, result in becomes.items():
        char = chr(code)
        if result == "":
            classes[code] = DROP if code in passed else DROP_STARTER
        elif result == " ":
            classes[code] = SPACE
        elif result == f" {char} ":
            classes[code] = ISOLATE
        elif result != char or code == REPLACEMENT or code in ranks:
            base = tuple(ord(c) for c in result if ord(c) not in ranks)
            marks = tuple((ord(c), ranks[ord(c)]) for c in result if ord(c) in ranks)
            group = marked if marks else plain
            sequence = Sequence(base, marks, code not in passed)
            # The sign says which group; places are known when both are complete.
            place = group.setdefault(sequence, len(group))
            classes[code] = -1 - place if marks else FIRST_SEQUENCE + place
    marked_codes = classes < 0
    classes[marked_codes] = FIRST_SEQUENCE + len(plain) - 1 - classes[marked_codes]
    blocks, index = np.unique(classes.reshape(-1, BLOCK), axis=0, return_inverse=True)
    spaces = np.flatnonzero(classes == SPACE)
    return NormalisationTables(
        index.reshape(-1).astype("int32"),
        blocks,
        (*plain, *marked),
        tuple(int(code) for code in spaces if code > 0x7F),
    )


@functools.lru_cache(maxsize=1)
def _scalar_values() -> tuple[int, ...]:
    return tuple(code for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000)


@functools.lru_cache(maxsize=1)
def _separators() -> dict[str, str]:
    """Return what the pre-tokenizer makes of the characters that end a word.

    Whitespace becomes a space, punctuation itself between spaces.
    """
    from tokenizers.pre_tokenizers import BertPreTokenizer

    chars = [chr(code) for code in _scalar_values() if code != ord("a")]
    words = BertPreTokenizer().pre_tokenize_str("a".join(chars))
    found = {word for word, _ in words}
    inside = set("".join(found))
    separators = {char: " " for char in chars if char not in inside}
    separators.update({w: f" {w} " for w in found if len(w) == 1 and w != "a"})
    return separators


def _normalized(normalizer, units: Iterable[str]) -> Iterator[str]:
    """Yield each unit normalised, many of them in one call."""
    units = iter(units)
    while chunk := list(itertools.islice(units, 0x8000)):
        yield from normalizer.normalize_str(" q ".join(chunk)).split(" q ")


def _becomes(normalizer) -> dict[int, str]:
    """Return what each code point becomes inside a word, as words and spaces."""
    separators = _separators()
    codes = _scalar_values()
    becomes = {}
    units = _normalized(normalizer, (f"a{chr(code)}b" for code in codes))
    for code, unit in zip(codes, units, strict=True):
        result = unit[1:-1]
        if result == chr(code):
            result = separators.get(result, result)
        elif result:
            result = "".join(separators.get(char, char) for char in result)
            while "  " in result:
                result = result.replace("  ", " ")
        becomes[code] = result
    return becomes


def _mark_ranks(becomes: dict[int, str]) -> dict[int, int]:
    """Return the combining marks that survive, with their rank from 1 on.

    U+0345 has the highest combining class, so NFD puts every other mark before it.
    """
    from tokenizers.normalizers import NFD

    decompose = NFD().normalize_str
    kept = [result for code, result in becomes.items() if result == chr(code)]
    units = decompose("\n".join("\u0345" + char for char in kept)).split("\n")
    marks = [c for c, unit in zip(kept, units, strict=True) if unit == c + "\u0345"]
    return {
        ord(mark): 1 + sum(decompose(mark + other) == other + mark for other in marks)
        for mark in marks
    }


def _passed_by_marks(normalizer, ranks: dict[int, int]) -> set[int]:
    """Return the code points over which marks change places."""
    if len(set(ranks.values())) < 2:
        return set()
    low, high = (chr(f(ranks, key=ranks.__getitem__)) for f in (min, max))
    codes = _scalar_values()
    units = _normalized(normalizer, (f"{high}{chr(code)}{low}" for code in codes))
    return {
        code
        for code, unit in zip(codes, units, strict=True)
        if unit.find(low) < unit.find(high)
    }
