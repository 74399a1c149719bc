"""`demo:en-de` and `demo:de-en`: sentences and translations from one grammar.

Each pair is two tellings of one meaning, and the only two: gender, case, number, tense
and the place of the verb follow from the words, so that a translator can be right to
the letter.

    Yesterday my sister called the old teacher.
    Gestern hat meine Schwester den alten Lehrer angerufen.

    The man buys the lamp because it is cheap.
    Der Mann kauft die Lampe, weil sie billig ist.
"""

import dataclasses
import hashlib
import random

from kzoo.data.demo_translation_clauses import Clause
from kzoo.data.demo_translation_drawing import Drawing
from kzoo.data.demo_translation_phrases import THE, Pronoun
from kzoo.data.demo_translation_words import SAYING, TIMES, VERBS, Verb
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.pairs import Pairs, PairSource

SIZES = {"train": 20_000, "validation": 500, "test": 500}

_WHO = Pronoun("who", "wer", "s3")
_LIVING = ("person", "animal")
# What a question asks for by "wen", "wem" or "was", and by "wo" or "wohin".
_MERE = tuple(v for v in VERBS if v.case in ("acc", "dat") and not v.preposition)
_PLACED = tuple(v for v in VERBS if v.preposition == "in")
_SAYERS = tuple(Verb(*row, state=True) for row in SAYING)
_ASK = Verb("ask", "asked", "fragen", "fragt", "gefragt", state=True)


def demo_pairs(source: str, target: str, options: ReadOptions) -> PairSource:
    """Return the pairs of the grammar; it stores all three splits.

    Args:
        source: `en` or `de`.
        target: The other.
        options: The caller's options.

    Returns:
        The source.
    """
    where = f"demo:{source}-{target}"

    def read_part(split: str) -> Pairs:
        size = options.size or SIZES[split]
        english, german = zip(*(pair(split, i) for i in range(size)), strict=True)
        sides = {"en": english, "de": german}
        return Pairs(sides[source], sides[target], source, target, where=where)

    return PairSource(where, SPLITS, read_part)


def pair(split: str, index: int) -> tuple[str, str]:
    """Return one pair, whatever else was generated.

    Args:
        split: `train`, `validation` or `test`; no sentence occurs in two of them.
        index: Which pair, from 0.

    Returns:
        The English and the German sentence.

    Example:
        >>> pair("train", 5) == pair("train", 5)
        True
    """
    attempt = 0
    while True:
        drawing = Drawing(random.Random(f"kzoo en-de {split} {index} {attempt}"))
        english, german = drawing.choose(_FORMS)(drawing)
        if _split_of(english) == split:
            return english[0].upper() + english[1:], german[0].upper() + german[1:]
        attempt += 1


def _statement(drawing: Drawing) -> tuple[str, str]:
    clause = drawing.clause()
    return f"{clause.english()}.", f"{clause.german()}."


def _timed(drawing: Drawing) -> tuple[str, str]:
    clause = drawing.clause()
    time, zeit = drawing.draw.choice(TIMES[clause.tense])
    return f"{time} {clause.english()}.", f"{clause.german(zeit)}."


def _question(drawing: Drawing) -> tuple[str, str]:
    clause = drawing.clause(asked=True)
    words = {("", ""): 50, ("when ", "wann"): 25, ("why ", "warum"): 25}
    word, wort = drawing.choose(words)
    return f"{word}{clause.english_question()}?", f"{clause.german_question(wort)}?"


def _who(drawing: Drawing) -> tuple[str, str]:
    clause = drawing.clause(_WHO, asked=True)
    return f"{clause.english()}?", f"{clause.german()}?"


def _whom(drawing: Drawing) -> tuple[str, str]:
    if drawing.draw.random() < 0.35:
        verb = drawing.draw.choice(_PLACED)
        word, wort = "where", "wo" if verb.case == "dat" else "wohin"
        plain = verb.english.split(" ")[0]
        verb = dataclasses.replace(verb, english=plain, case="", preposition="")
    else:
        verb = drawing.draw.choice(_MERE)
        word, wort = "whom", "wen" if verb.case == "acc" else "wem"
        living = [kind in _LIVING for kind in verb.kinds]
        # "What does he know?" would be "Was weiß er?", of another verb.
        if verb.german != "kennen" and not all(living):
            if not any(living) or drawing.draw.random() < 0.5:
                word, wort = "what", "was"
    subject = drawing.subject(verb.animals, sure=True)
    clause = Clause(subject, verb, (), drawing.tense(verb))
    return f"{word} {clause.english_question()}?", f"{clause.german_question(wort)}?"


def _because(drawing: Drawing) -> tuple[str, str]:
    tenses = drawing.draw.choice((("present", "future", "can", "want"), ("past",)))
    main = drawing.clause(tenses=tenses)
    word, wort = drawing.draw.choice((("because", "weil"), ("although", "obwohl")))
    reason = drawing.reason(main) if drawing.draw.random() < 0.5 else None
    if reason is not None:
        return (
            f"{main.english()} {word} {reason.english()}.",
            f"{main.german()}, {wort} {reason.german_last()}.",
        )
    other = drawing.clause(tenses=tenses)
    if drawing.draw.random() < 0.5:
        return (
            f"{main.english()} {word} {other.english()}.",
            f"{main.german()}, {wort} {other.german_last()}.",
        )
    # What stands in front is the whole subordinate clause: the verb comes next.
    return (
        f"{word} {other.english()}, {main.english()}.",
        f"{wort} {other.german_last()}, {main.german_question()}.",
    )


def _that(drawing: Drawing) -> tuple[str, str]:
    inner = drawing.clause(tenses=("present", "past", "future", "can"))
    whether = drawing.draw.random() < 0.4
    if whether and drawing.draw.random() < 0.5:
        verb, negated = _ASK, False
    else:
        verb, negated = drawing.draw.choice(_SAYERS), False
        if whether:
            verb, negated = _SAYERS[0], True  # does not know whether
    who = drawing.subject(False, sure=True, pronouns=0.4)
    outer = Clause(who, verb, (), drawing.tense(verb), negated)
    word, wort = ("whether", "ob") if whether else ("that", "dass")
    return (
        f"{outer.english()} {word} {inner.english()}.",
        f"{outer.german()}, {wort} {inner.german_last()}.",
    )


def _relative(drawing: Drawing) -> tuple[str, str]:
    kind = drawing.choose({"person": 70, "animal": 30})
    head = drawing.phrase((kind,), {THE: 1})
    word = "that"
    verbs = [verb for verb in _MERE if kind in verb.kinds]
    if drawing.draw.random() < 0.35:  # the head is the object of its clause
        # "Die Frau, die das Kind sieht" would be two women: only "den" is clear.
        verbs = [v for v in verbs if v.case == "dat" or head.gender == "m"]
        verb = drawing.draw.choice(verbs)
        who = drawing.subject(verb.animals, sure=True)
        inner = Clause(who, verb, (), drawing.tense(verb))
        word = "whom" if kind == "person" else "that"
        told = f"{word} {inner.english()}"
        gesagt = inner.german_last(
            f"{head.relative(verb.case)} {who.german('nom')}",
        )
    else:
        word = "who" if kind == "person" else "that"
        inner = drawing.clause(head)
        told = f"{word} {inner.english_predicate()}"
        gesagt = inner.german_last(head.relative("nom"))
    outer = drawing.clause(head, tenses=("present", "past", "future"))
    return (
        f"{head.english} {told} {outer.english_predicate()}.",
        f"{head.german('nom')}, {gesagt}, {outer.german_predicate()}.",
    )


def _being(drawing: Drawing) -> tuple[str, str]:
    being = drawing.being()
    return f"{being.english()}.", f"{being.german()}."


# How often each form is drawn.
_FORMS = {
    _statement: 24,
    _timed: 20,
    _question: 10,
    _who: 4,
    _whom: 6,
    _because: 12,
    _that: 10,
    _relative: 8,
    _being: 6,
}


def _split_of(english: str) -> str:
    """Return the split that a sentence belongs to: 8 of 10 to train."""
    number = hashlib.sha256(english.encode()).digest()[0] % 10
    return {8: "validation", 9: "test"}.get(number, "train")
