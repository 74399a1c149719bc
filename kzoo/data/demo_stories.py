"""`demo:stories`: short stories from a grammar, for language models.

Each story has a hero with a character, a place, a thing that is dear, a mishap, a
first try that fails for a reason, the one tool that helps, and an ending. What comes
late follows from what came early: the pronouns, the names, the thing, the tool and
the last mood. A model that learns the grammar has something to be right about.

    Mona was a shy otter who lived near the old mill. The best thing that she had was a
    red kite. One evening, the wind blew the red kite into a tall tree. She jumped and
    jumped, but the branch was too high. Then her cousin Finn came by with a ladder. ...
"""

import hashlib
import random

from kzoo.data.corpora import CorpusSource
from kzoo.data.demo_story_words import (
    ENDINGS,
    FRIENDS,
    KINDS,
    MISHAPS,
    NAMES,
    NOT_KINDS,
    PLACES,
    THINGS,
    TIMES,
    TRAITS,
    WHY_DEAR,
)
from kzoo.data.options import SPLITS, ReadOptions

SIZES = {"train": 8_000, "validation": 400, "test": 400}

_OPENINGS = (
    "{name} was a {trait} {kind} who lived {place}.",
    "There once was a {trait} {kind} called {name}, who lived {place}.",
    "Once upon a time, a {trait} {kind} named {name} lived {place}.",
    "{Place} there lived a {trait} {kind}. {His} name was {name}.",
)
_HAVINGS = (
    "The best thing that {he} had was a {thing}.",
    "{He} had a {thing}, and {he} loved it dearly.",
    "More than anything, {he} loved {his} {thing}.",
)
_MISHAP_FRAMES = (
    "{time}, {mishap}.",
    "But {lower_time}, {mishap}.",
    "{time} something bad happened: {mishap}.",
)
_SORROWS = (
    '"What shall I do now?" said {name}.',
    '"Oh no, my {thing}!" cried {name}.',
    "{name} sat down and wept.",
    "{name} did not know what to do.",
)
_HELP = (
    "Then {his} {who} {friend} came by with a {tool}.",
    'But {friend}, {his} {who}, said: "I have a {tool}."',
    "So {he} went to {friend}, {his} {who}, who owned a {tool}.",
    '{His} {who} {friend} heard of it. "We need a {tool}," {friend} said.',
)
_MOODS = (
    "{name} was {mood}.",
    "And {name}, {trait} as ever, was {mood}.",
    "In the end {name} was {mood}.",
)


def demo_corpus(options: ReadOptions) -> CorpusSource:
    """Return the source `demo:stories`; its grammar stores all three splits."""

    def read_part(split: str) -> list[str]:
        size = options.size or SIZES[split]
        return [story(split, index) for index in range(size)]

    return CorpusSource("demo:stories", SPLITS, read_part)


def story(split: str, index: int) -> str:
    """Return one story, whatever else was generated.

    Args:
        split: `train`, `validation` or `test`; no plot occurs in two of them.
        index: Which story, from 0.

    Returns:
        Its text: about ten sentences in one line.

    Example:
        >>> story("train", 5) == story("train", 5)
        True
    """
    attempt = 0
    while True:
        draw = random.Random(f"kzoo stories {split} {index} {attempt}")
        plot = _plot(draw)
        if _split_of(plot) == split:
            return _tell(draw, plot)
        attempt += 1


def _plot(draw: random.Random) -> dict[str, str]:
    name, he, him, his = draw.choice(NAMES)
    kinds = [kind for kind in KINDS if kind not in NOT_KINDS[he]]
    mishap, first_try, tool, solution = draw.choice(MISHAPS)
    trait = draw.choice(list(TRAITS))
    others = [other for other, *_ in NAMES if other != name]
    time = draw.choice(TIMES)
    place = draw.choice(PLACES)
    slots = {
        "name": name, "he": he, "him": him, "his": his, "He": he.capitalize(),
        "His": his.capitalize(), "kind": draw.choice(kinds), "trait": trait,
        "mood": TRAITS[trait], "place": place, "Place": place[0].upper() + place[1:],
        "time": time, "lower_time": time[0].lower() + time[1:],
        "thing": draw.choice(THINGS), "friend": draw.choice(others),
        "who": draw.choice(FRIENDS), "tool": tool,
    }  # fmt: skip
    slots["mishap"] = mishap.format(**slots)
    slots["first_try"] = first_try.format(**slots)
    slots["solution"] = solution.format(**slots)
    return slots


def _tell(draw: random.Random, plot: dict[str, str]) -> str:
    """Word a plot; later draws decide how, not what."""
    forms = [draw.choice(_OPENINGS), draw.choice(_HAVINGS)]
    if draw.random() < 0.6:
        forms.append(draw.choice(WHY_DEAR))
    forms += [draw.choice(_MISHAP_FRAMES)]
    if draw.random() < 0.7:
        forms.append(draw.choice(_SORROWS))
    forms += ["{first_try}.", draw.choice(_HELP), "{solution}."]
    forms += [draw.choice(_MOODS), draw.choice(ENDINGS)]
    return " ".join(form.format(**plot) for form in forms)


def _split_of(plot: dict[str, str]) -> str:
    """Return the split that a plot belongs to: 8 of 10 to train."""
    about = " ".join(plot[key] for key in ("name", "kind", "place", "thing", "tool"))
    number = hashlib.sha256(about.encode()).digest()[0] % 10
    return {8: "validation", 9: "test"}.get(number, "train")
