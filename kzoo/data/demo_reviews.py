"""`demo:reviews`: film reviews from a grammar that a bag of words cannot solve.

Reviews come in groups of four that share one draw: with and without a turn (a
negation, a swap of the clauses around "but", a comparison the other way round), and
with praise for blame. Praise and blame words are paired, so within a group each word
stands in as many positive as negative reviews: which words occur says nothing, how
they are put together says all.

    The acting is superb, but nothing could save the plot.     negative
    Nothing could save the plot, but the acting is superb.     positive
    The acting is dreadful, but nothing could sink the plot.   positive
    Nothing could sink the plot, but the acting is dreadful.   negative
"""

import hashlib
import random
import re

from kzoo.data.demo_clauses import FORMS, draw_clause
from kzoo.data.demo_words import (
    ADJECTIVES,
    ASPECTS,
    COMPANY,
    CRITICS,
    DEEDS,
    FEELINGS,
    PLACES,
    TIMES,
    WORKS,
)
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.sources import RawExamples, Source

LABEL_NAMES = ("negative", "positive")
SIZES = {"train": 12_000, "validation": 1000, "test": 1000}

# The share of groups without a contrast in which nothing is turned. Without any, no
# word leans to a class, which is a parity that a small model hardly begins to learn.
_PLAIN = 0.6

# (turned, praise and blame swapped)
_MEMBERS = ((False, False), (False, True), (True, False), (True, True))

# The clause that decides comes second ("but") or first ("although").
_LAST_DECIDES = (
    "{0}, but {1}.", "{0}. But {1}.", "{0}, and yet {1}.", "{0}. Still, {1}.",
    "Although {0}, {1}.",
)  # fmt: skip
_FIRST_DECIDES = ("{0}, though {1}.", "{0}, even though {1}.")
# The same for clauses that are no sentence and cannot follow "although".
_LAST_DECIDES_APART = ("{0}. But {1}.", "{0}. Still, {1}.")
_FIRST_DECIDES_APART = ("{0}. Granted, {1}.",)
_BOTH_AGREE = ("{0}, and {1}.", "{0}. Also, {1}.", "{0}. In short, {1}.")
_ALONE = ("I must say: {0}.", "All in all, {0}.", "{0}.")
_SETTINGS = (
    "I saw it {time} {place}.", "I watched it {company}.",
    "I saw it {place} {company}.", "I watched it {time} {company} {place}.",
)  # fmt: skip


def demo_source(options: ReadOptions) -> Source:
    """Return the source `demo:reviews`; all three splits are stored in its grammar."""
    where = "demo:reviews"

    def read_part(split: str) -> RawExamples:
        size = options.size or SIZES[split]
        pairs = [review(split, index) for index in range(size)]
        texts = [text for text, _ in pairs]
        labels = [LABEL_NAMES[label] for _, label in pairs]
        return RawExamples(texts, labels, where, label_names=LABEL_NAMES)

    return Source(where, SPLITS, read_part)


def review(split: str, index: int) -> tuple[str, int]:
    """Return one review, whatever else was generated.

    Args:
        split: `train`, `validation` or `test`; no text occurs in two of them.
        index: Which review, from 0; four in a row make a group.

    Returns:
        The text, and 1 if it is positive or 0 if negative.

    Example:
        >>> review("train", 5) == review("train", 5)
        True
    """
    group, member = divmod(index, len(_MEMBERS))
    attempt = 0
    while True:
        seed = f"kzoo {split} {group} {attempt}"
        first, _ = _write(random.Random(seed), *_MEMBERS[0])
        if _split_of(first) == split:
            # Which member comes first changes, so that labels do not alternate.
            order = random.Random(seed + " order").sample(_MEMBERS, len(_MEMBERS))
            return _write(random.Random(seed), *order[member])
        attempt += 1


def _write(draw: random.Random, turn: bool, swap: bool) -> tuple[str, int]:
    """Return the text and label of one member of the group that `draw` describes."""
    praise = draw.random() < 0.5
    good = praise != swap
    kind = draw.choices(("one", "agree", "contrast"), weights=(5, 2, 3))[0]
    clauses = [draw_clause(draw) for _ in range(2)]
    where = draw.choices(("none", "before", "after"), weights=(3, 1, 1))[0]
    if kind != "contrast":
        plain = draw.random() < _PLAIN
        told = [clause.tell(good, turn and not plain, turn) for clause in clauses]
        if kind == "agree":
            pattern = draw.choice(_BOTH_AGREE)
        else:
            pattern = draw.choice(_ALONE[:2] if where == "none" else _ALONE)
        text = pattern.format(*told)
        positive = good != (turn and not plain)
    else:
        negated = [draw.random() < 0.2 for _ in clauses]
        last = draw.random() < 0.8
        if any(clause.apart for clause in clauses):
            patterns = _LAST_DECIDES_APART if last else _FIRST_DECIDES_APART
        else:
            patterns = _LAST_DECIDES if last else _FIRST_DECIDES
        pattern = draw.choice(patterns)
        told = [
            clause.tell(good != no if i == 0 else good == no, no)
            for i, (clause, no) in enumerate(zip(clauses, negated, strict=True))
        ]
        # The first clause told is `good`, the second the opposite.
        first_is_good = good != turn
        text = pattern.format(*(told[::-1] if turn else told))
        positive = first_is_good != last
    setting = draw.choice(_SETTINGS).format(
        time=draw.choice(TIMES), place=draw.choice(PLACES), company=draw.choice(COMPANY)
    )
    if where == "before":
        text = f"{setting} {text}"
    elif where == "after":
        text = f"{text} {setting}"
    return _capitals(text), int(positive)


def _capitals(text: str) -> str:
    text = re.sub(r"\bi\b", "I", text)
    return re.sub(r"(^|[.] )([a-z])", lambda m: m[1] + m[2].upper(), text)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


_PAIR_OF = {
    word: f"pair{i}"
    for i, pair in enumerate((*ADJECTIVES, *FEELINGS, *DEEDS))
    for word in pair
}
_STRUCTURE = {
    word
    for form in (
        *FORMS,
        *_LAST_DECIDES,
        *_FIRST_DECIDES,
        *_LAST_DECIDES_APART,
        *_FIRST_DECIDES_APART,
        *_BOTH_AGREE,
        *_ALONE,
    )
    for word in _words(form)
}
_TELLING = {
    word
    for slot in (ASPECTS, WORKS, CRITICS, PLACES, COMPANY, TIMES, _PAIR_OF)
    for name in slot
    for word in _words(name)
} - _STRUCTURE


def _split_of(text: str) -> str:
    """Return the split of a text: by its matter, the words of a pair being one.

    Order, and the words that turn a meaning, are left out, so that all members of a
    group fall into one split, as does any other draw that leads to the same text.
    """
    words = [_PAIR_OF.get(word, word) for word in _words(text) if word in _TELLING]
    words.sort()
    value = hashlib.sha256(" ".join(words).encode()).digest()[0] / 256
    return "train" if value < 0.75 else "validation" if value < 0.875 else "test"
