"""Clauses of the `demo:reviews` grammar that praise or blame, straight or turned.

A clause is drawn once, its words and its two forms, and then told as often as needed.
`good` picks the praising or the blaming word of its pair; a turned clause means the
opposite of its word.
"""

import random

from kzoo.data.demo_words import ADJECTIVES, ASPECTS, CRITICS, DEEDS, FEELINGS, WORKS

# (forms that mean their word, forms that mean its opposite). All forms of a kind have
# the same slots.
_ABOUT_A_PART = (
    (
        "the {aspect} is {word}",
        "the {aspect} is truly {word}",
        "I found the {aspect} {word}",
        "no one could say the {aspect} is not {word}",
        "I can not deny that the {aspect} is {word}",
        "it would be wrong to say the {aspect} is not {word}",
    ),
    (
        "the {aspect} is not {word}",
        "the {aspect} is never {word}",
        "I found the {aspect} far from {word}",
        "no one could say the {aspect} is {word}",
        "I can not say that the {aspect} is {word}",
        "it would be wrong to say the {aspect} is {word}",
    ),
)
_ABOUT_A_FEELING = (
    (
        "I was {word} by the {aspect} from start to finish",
        "the {aspect} left me {word}",
        "not once was I not {word} by the {aspect}",
        "again and again I was {word} by the {aspect}",
    ),
    (
        "not once was I {word} by the {aspect}",
        "at no point did the {aspect} leave me {word}",
        "I was never {word} by the {aspect}",
        "the {aspect} did not leave me {word}",
    ),
)
_ABOUT_A_DEED = (
    (
        "in the end the {aspect} does {word} the {work}",
        "nothing could stop the {aspect}: it does {word} the {work}",
        "at least the {aspect} does {word} the {work}",
    ),
    (
        "nothing could {word} the {aspect} of this {work}",
        "in the end the {aspect} does not {word} the {work}",
        "even the {aspect} can not {word} the {work}",
    ),
)
# Irony: the frame says the opposite of the matter, and the matter counts.
_IN_IRONY = (
    (
        "just what I needed: two hours of {word} {aspect}",
        "poor me: two hours of {word} {aspect}",
        "lucky me: an evening full of {word} {aspect}",
        "what a pity: so much {word} {aspect}",
    ),
    (
        "just what I needed: two hours without any {word} {aspect}",
        "poor me: two hours and no {word} {aspect} at all",
        "lucky me: an evening free of {word} {aspect}",
        "what a pity: never any {word} {aspect}",
    ),
)
_AS_THEY_SAY = (
    (
        "the {critics} called the {aspect} {word}, and how right they were",
        "the {critics} promised {word} {aspect}, and I got it",
    ),
    (
        "the {critics} called the {aspect} {word}, and how wrong they were",
        "{word} {aspect}, if you believe the {critics}, and I do not",
    ),
)
_IN_COMPARISON = (
    (
        "this {work} is more {word} than the last one",
        "next to the last {work}, this one is {word}",
        "the last {work} was less {word} than this one",
    ),
    (
        "the last {work} was more {word} than this one",
        "next to this {work}, the last one is {word}",
        "this {work} is less {word} than the last one",
    ),
)


class Clause:
    """One drawn clause.

    Args:
        draw: The source of randomness.
        pairs: Pairs of a praising and a blaming word.
        forms: Forms that mean their word, and forms that mean its opposite.
        apart: Whether it can only stand in a sentence of its own.
    """

    def __init__(self, draw: random.Random, pairs, forms, apart: bool = False) -> None:
        self.apart = apart
        self._pair = draw.choice(pairs)
        self._straight, self._reworded = draw.sample(forms[0], 2)
        self._turned = draw.choice(forms[1])
        self._slots = {
            "aspect": draw.choice(ASPECTS),
            "work": draw.choice(WORKS),
            "critics": draw.choice(CRITICS),
        }

    def tell(self, good: bool, turned: bool, reworded: bool = False) -> str:
        """Return the clause with its praising or blaming word, straight or turned.

        Args:
            good: Whether the word is the praising one.
            turned: Whether the clause means the opposite of its word.
            reworded: Whether a straight clause takes its second form.

        Returns:
            The clause, without a capital or a stop.
        """
        straight = self._reworded if reworded else self._straight
        form = self._turned if turned else straight
        return form.format(word=self._pair[0 if good else 1], **self._slots)


_KINDS = (
    (ADJECTIVES, _ABOUT_A_PART, False),
    (ADJECTIVES, _ABOUT_A_PART, False),
    (FEELINGS, _ABOUT_A_FEELING, False),
    (DEEDS, _ABOUT_A_DEED, False),
    (ADJECTIVES, _IN_IRONY, True),
    (ADJECTIVES, _AS_THEY_SAY, True),
    (ADJECTIVES, _IN_COMPARISON, False),
)
FORMS = tuple(form for kind in _KINDS for side in kind[1] for form in side)


def draw_clause(draw: random.Random) -> Clause:
    """Return a clause of a kind drawn at random."""
    pairs, forms, apart = draw.choice(_KINDS)
    return Clause(draw, pairs, forms, apart)
