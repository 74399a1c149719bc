"""Drawing clauses of `demo:en-de`: words that fit each other, each noun once."""

import random
from collections.abc import Sequence

from kzoo.data.demo_translation_clauses import Being, Clause
from kzoo.data.demo_translation_phrases import (
    EVERY,
    MY,
    NO,
    OWN,
    PRONOUNS,
    THE,
    THIS,
    THREE,
    TWO,
    A,
    NounPhrase,
    Pronoun,
)
from kzoo.data.demo_translation_words import ADJECTIVES, NOUNS, VERBS, Noun, Verb

_TENSES = {
    "present": 40,
    "past": 25,
    "future": 12,
    "can": 10,
    "must": 6,
    "want": 7,
}
_SUBJECTS = {THE: 50, A: 10, MY: 9, THIS: 9, EVERY: 5, NO: 5, TWO: 6, THREE: 6}
_OBJECTS = {THE: 42, A: 25, MY: 8, THIS: 8, EVERY: 3, NO: 6, TWO: 4, THREE: 4}
_POSSESSIVES = (MY, *OWN.values())
_TIRED = next(word for word in ADJECTIVES if word.english == "tired")
_KINDS = tuple(dict.fromkeys(noun.kind for noun in NOUNS))


class Drawing:
    """The words of one sentence, drawn one after another.

    Args:
        draw: The source of randomness.
    """

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self._told: set[Noun] = set()

    def choose(self, weights: dict):
        """Return a key, drawn by its weight."""
        return self.draw.choices(list(weights), list(weights.values()))[0]

    def noun(self, kinds: Sequence[str]) -> Noun:
        """Return a noun of some kinds that was not drawn before."""
        nouns = [n for n in NOUNS if n.kind in kinds and n not in self._told]
        noun = self.draw.choice(nouns)
        self._told.add(noun)
        return noun

    def phrase(self, kinds: Sequence[str], determiners: dict) -> NounPhrase:
        """Return a noun phrase."""
        noun = self.noun(kinds)
        if noun.english in ("man", "woman"):  # "mein Mann" is "my husband"
            words = {w: n for w, n in determiners.items() if w not in _POSSESSIVES}
            determiners = words
        word = self.choose(determiners)
        several = word.english_plural and self.draw.random() < 0.3
        plural = bool(several or not word.english)
        adjective = None
        if self.draw.random() < 0.35:
            fitting = [a for a in ADJECTIVES if noun.kind in a.kinds]
            adjective = self.draw.choice(fitting) if fitting else None
        return NounPhrase(word, noun, plural, adjective)

    def subject(
        self, animals: bool, *, sure: bool = False, pronouns: float = 0.2
    ) -> NounPhrase | Pronoun:
        """Return a subject that does something.

        Args:
            animals: Whether it may be an animal.
            sure: Whether nobody ("no man") is left out.
            pronouns: The share of pronouns.
        """
        if self.draw.random() < pronouns:
            return self.draw.choice(PRONOUNS)
        kinds = ("animal",) if animals and self.draw.random() < 0.4 else ("person",)
        return self.phrase(kinds, _without(_SUBJECTS, NO if sure else None))

    def tense(self, verb: Verb, tenses: Sequence[str] = tuple(_TENSES)) -> str:
        """Return a tense that suits a verb."""
        fitting = ("present", "past") if verb.state else tenses
        return self.choose({t: _TENSES[t] for t in tenses if t in fitting})

    def clause(
        self,
        subject: NounPhrase | Pronoun | None = None,
        *,
        tenses: Sequence[str] = tuple(_TENSES),
        verbs: Sequence[Verb] = VERBS,
        asked: bool = False,
    ) -> Clause:
        """Return a clause.

        Args:
            subject: Its subject; None draws one.
            tenses: What its tense may be.
            verbs: What its verb may be.
            asked: Whether it is a question, which denies nothing.
        """
        if isinstance(subject, NounPhrase) and subject.noun.kind == "animal":
            verbs = [verb for verb in verbs if verb.animals]
        verb = self.draw.choice(verbs)
        tense = self.tense(verb, tenses)
        # "Must not" and "muss nicht" are not the same.
        sure = asked or tense == "must"
        who = subject or self.subject(verb.animals, sure=sure)
        nobody = isinstance(who, NounPhrase) and who.determiner is NO
        objects = self._objects(verb, who, sure or nobody)
        phrases = [p for p in (who, *objects) if isinstance(p, NounPhrase)]
        deniable = not sure and all(p.determiner.definite for p in phrases)
        negated = deniable and self.draw.random() < 0.2
        return Clause(who, verb, objects, tense, negated)

    def being(self, *, past: bool | None = None) -> Being:
        """Return what somebody or something is like."""
        kinds = (self.draw.choice(_KINDS),)
        phrase = self.phrase(kinds, _without(_SUBJECTS, NO))
        words = self._likeness(phrase)
        negated = phrase.determiner.definite and self.draw.random() < 0.2
        past = self.draw.random() < 0.3 if past is None else past
        german = phrase.german("nom")
        return Being(phrase.english, german, phrase.person, words, past, negated)

    def reason(self, clause: Clause) -> Being | None:
        """Return what the subject, or a thing, of a clause is like, by a pronoun.

        "Weil sie neu ist" is about the lamp, "weil sie müde ist" about the woman: words
        that fit both are left out.
        """
        past = clause.tense == "past"
        who = clause.subject
        things = [p for p in clause.objects if p.noun.kind in ("thing", "food")]
        if things and things[-1].determiner is not NO and self.draw.random() < 0.6:
            english, german = things[-1].pronoun()
            words = self._adjective(things[-1], but_not="person")
            return Being(english, german, things[-1].person, words, past)
        if isinstance(who, Pronoun):
            words = (_TIRED.english, _TIRED.german)
            return Being(who.english, who.nominative, who.person, words, past)
        # A child is "it" in German and not in English; "every man" is nobody's "he".
        if who.noun.kind != "person" or who.gender == "n":
            return None
        if who.determiner in (EVERY, NO):
            return None
        words = self._adjective(who, but_not="thing")
        return Being(*who.pronoun(), who.person, words, past)

    def _objects(self, verb: Verb, who, sure: bool) -> tuple[NounPhrase, ...]:
        words = _without(_OBJECTS, NO if sure else None)
        owner = OWN.get(who.gender) if who.person in ("s3", "p3") else None
        if isinstance(who, NounPhrase) and who.noun.kind != "person":
            owner = None
        if owner is not None:
            words = {**words, owner: 10}
        if verb.case == "dat+acc":
            first = self.phrase(("person",), {THE: 60, A: 20, MY: 10, THIS: 10})
            second = self.phrase(verb.kinds, {THE: 45, A: 45, THIS: 10})
            return first, second
        if not verb.case:
            return ()
        if verb.kinds == ("place",):
            words = {THE: 70, A: 15, MY: 5, THIS: 10}
        return (self.phrase(verb.kinds, words),)

    def _likeness(self, phrase: NounPhrase) -> tuple[str, str]:
        """Return an adjective, or a comparison with another of its kind."""
        kind = phrase.noun.kind
        comparable = [a for a in ADJECTIVES if kind in a.kinds and a.more[0]]
        if self.draw.random() < 0.5 or not comparable or phrase.adjective:
            return self._adjective(phrase)
        more = self.draw.choice(comparable).more
        other = self.phrase((kind,), {THE: 50, MY: 25, THIS: 25})
        return f"{more[0]} than {other.english}", f"{more[1]} als {other.german('nom')}"

    def _adjective(self, phrase: NounPhrase, but_not: str = "") -> tuple[str, str]:
        words = [
            word
            for word in ADJECTIVES
            if phrase.noun.kind in word.kinds
            and but_not not in word.kinds
            and word != phrase.adjective
        ]
        word = self.draw.choice(words)
        return word.english, word.german


def _without(weights: dict, word) -> dict:
    return {key: weight for key, weight in weights.items() if key is not word}
