"""What the Rust normalizer does to each code point, measured and kept as tables.

BERT's normalisation acts on one character at a time: each becomes a few characters,
whatever stands around it. One thing alone depends on the neighbours: where accents
are stripped the text is decomposed (NFD), and combining marks that survive the
stripping are put into canonical order. So the tables hold, for each code point, what
it becomes, and for the surviving marks their rank in that order.
"""

import functools
from collections.abc import Iterator
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
    passed = _passed_by_marks(normalizer, becomes, ranks)
    # Marks are written apart from the text, and U+FFFD also stands for broken bytes.
    for char in (*ranks, chr(REPLACEMENT)):
        becomes.setdefault(char, char)
    classes = np.zeros(CODE_POINTS, "int32")
    plain: dict[Sequence, int] = {}
    marked: dict[Sequence, int] = {}
    for char, result in becomes.items():
        if result == "":
            classes[ord(char)] = DROP if char in passed else DROP_STARTER
        elif result == " ":
            classes[ord(char)] = SPACE
        elif result == f" {char} ":
            classes[ord(char)] = ISOLATE
        else:
            base = tuple(ord(c) for c in result if c not in ranks)
            marks = tuple((ord(c), ranks[c]) for c in result if c in ranks)
            group = marked if marks else plain
            sequence = Sequence(base, marks, char not in passed)
            # The sign says which group; places are known when both are complete.
            place = group.setdefault(sequence, len(group))
            classes[ord(char)] = -1 - place if marks else FIRST_SEQUENCE + place
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


def _blocks() -> Iterator[list[str]]:
    """Yield all characters that UTF-8 can write, `BLOCK` at a time."""
    for start in range(0, CODE_POINTS, BLOCK):
        if not 0xD800 <= start < 0xE000:
            yield [chr(code) for code in range(start, start + BLOCK)]


@functools.lru_cache(maxsize=1)
def _separators() -> dict[str, str]:
    """Return what the pre-tokenizer makes of the characters that end a word.

    Whitespace becomes a space, punctuation itself between spaces.
    """
    from tokenizers.pre_tokenizers import BertPreTokenizer

    split = BertPreTokenizer().pre_tokenize_str
    separators = {}
    for chars in _blocks():
        words = [word for word, _ in split("a" + "a".join(chars) + "a")]
        inside = set("".join(words))
        separators.update((char, " ") for char in chars if char not in inside)
        separators.update((w, f" {w} ") for w in words if len(w) == 1 and w != "a")
    return separators


def _becomes(normalizer) -> dict[str, str]:
    """Return what characters become inside a word, of those that do not stay.

    It is measured between two letters; spaces stand for ends of words.
    """
    separators = _separators()
    becomes = {}
    for chars in _blocks():
        text = "a".join(chars)
        if separators.keys().isdisjoint(chars) and (
            normalizer.normalize_str(text) == text
        ):
            continue
        text = " q ".join(f"a{char}b" for char in chars)
        units = normalizer.normalize_str(text).split(" q ")
        for char, unit in zip(chars, units, strict=True):
            result = "".join(str(separators.get(c, c)) for c in unit[1:-1])
            while "  " in result:
                result = result.replace("  ", " ")
            if result != char:
                becomes[char] = result
    return becomes


def _mark_ranks(becomes: dict[str, str]) -> dict[str, int]:
    """Return the combining marks that survive, with their rank from 1 on.

    U+0345 has the highest combining class, so NFD puts every other mark before it.
    """
    from tokenizers.normalizers import NFD

    decompose = NFD().normalize_str
    marks = []
    for chars in _blocks():
        kept = [char for char in chars if char not in becomes]
        text = "\n".join("\u0345" + char for char in kept)
        for char, unit in zip(kept, decompose(text).split("\n"), strict=False):
            if unit == char + "\u0345":
                marks.append(char)
    return {
        mark: 1 + sum(decompose(mark + other) == other + mark for other in marks)
        for mark in marks
    }


def _passed_by_marks(
    normalizer, becomes: dict[str, str], ranks: dict[str, int]
) -> set[str]:
    """Return the characters over which marks change places.

    They are the marks themselves and, of those that go, all that have a combining
    class or are gone before the text is decomposed.
    """
    if not ranks:
        return set()
    low, high = (f(ranks, key=ranks.__getitem__) for f in (min, max))
    gone = [char for char, result in becomes.items() if result == ""]
    text = " q ".join(high + char + low for char in gone)
    units = normalizer.normalize_str(text).split(" q ")
    passed = {c for c, unit in zip(gone, units, strict=True) if unit == low + high}
    return passed | set(ranks)
