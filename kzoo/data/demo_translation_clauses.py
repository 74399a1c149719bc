"""The clauses of `demo:en-de`: who does what, and where each word stands.

German has the finite verb second in a statement, first in a question and last in a
subordinate clause, and the rest of the verb (participle, infinitive, separable prefix)
at the end:

    Heute ruft der Mann den Arzt an.        ..., weil der Mann den Arzt anruft.
    Der Mann hat den Arzt angerufen.        ..., weil der Mann den Arzt angerufen hat.
"""

import dataclasses

from kzoo.data.demo_translation_phrases import NounPhrase, Pronoun
from kzoo.data.demo_translation_words import Verb

TENSES = ("present", "past", "future", "can", "must", "want")

# By person: I, we, he, they.
_PERSONS: tuple[str, ...] = ("s1", "p1", "s3", "p3")
_FINITE = {
    "haben": "habe haben hat haben",
    "sein": "bin sind ist sind",
    "war": "war waren war waren",
    "future": "werde werden wird werden",
    "can": "kann können kann können",
    "must": "muss müssen muss müssen",
    "want": "will wollen will wollen",
}


def finite(verb: str, person: str) -> str:
    """Return the German form of an auxiliary, by its name in `TENSES` or its own."""
    return dict(zip(_PERSONS, _FINITE[verb].split(), strict=True))[person]


def present(infinitive: str, third: str, person: str) -> str:
    """Return a German verb in the present.

    Example:
        >>> [present("helfen", "hilft", person) for person in ("s1", "p1", "s3")]
        ['helfe', 'helfen', 'hilft']
    """
    if person == "s3" or (person == "s1" and infinitive == "wissen"):
        return third
    return infinitive[:-2] + "e" if person == "s1" else infinitive


def english_third(plain: str) -> str:
    """Return an English verb, of one word or more, as "he" has it.

    Example:
        >>> [english_third(verb) for verb in ("go into", "cry", "play with", "wash")]
        ['goes into', 'cries', 'plays with', 'washes']
    """
    first, *rest = plain.split(" ")
    if first.endswith(("s", "sh", "ch", "x", "o")):
        first += "es"
    elif first.endswith("y") and first[-2] not in "aeiou":
        first = first[:-1] + "ies"
    else:
        first += "s"
    return " ".join([first, *rest])


@dataclasses.dataclass(frozen=True)
class Clause:
    """A subject, a verb and its objects, in both languages.

    Args:
        subject: Who does it.
        verb: What is done.
        objects: Its objects; of two, the one in the dative first.
        tense: One of `TENSES`.
        negated: Whether "not" and "nicht" deny it.
    """

    subject: NounPhrase | Pronoun
    verb: Verb
    objects: tuple[NounPhrase, ...] = ()
    tense: str = "present"
    negated: bool = False

    @property
    def english_objects(self) -> str:
        """The English objects, a space before each."""
        return "".join(f" {phrase.english}" for phrase in self.objects)

    def english(self, subject: str | None = None) -> str:
        """Return the English statement, perhaps under another subject."""
        who = self.subject.english if subject is None else subject
        return f"{who} {self.english_predicate()}"

    def english_predicate(self) -> str:
        """Return the English statement without its subject."""
        return self._english_verb() + self.english_objects

    def _english_verb(self) -> str:
        plain, third = self.verb.english, self.subject.person == "s3"
        if self.tense in ("future", "can", "must"):
            word = {"future": "will", "can": "can", "must": "must"}[self.tense]
            if self.negated:
                word = "cannot" if word == "can" else f"{word} not"
            return f"{word} {plain}"
        if self.tense == "want":
            plain = f"want to {plain}"
        if self.negated:
            auxiliary = "did" if self.tense == "past" else "does" if third else "do"
            return f"{auxiliary} not {plain}"
        if self.tense == "past":
            return self.verb.past
        return english_third(plain) if third else plain

    def english_question(self) -> str:
        """Return the English question, without its mark and what it begins with."""
        plain, third = self.verb.english, self.subject.person == "s3"
        words = {"future": "will", "can": "can", "must": "must", "past": "did"}
        auxiliary = words.get(self.tense, "does" if third else "do")
        if self.tense == "want":
            plain = f"want to {plain}"
        return f"{auxiliary} {self.subject.english} {plain}{self.english_objects}"

    def german_verb(self) -> tuple[str, str]:
        """Return the finite German verb, and what stands at the clause's end."""
        verb, person = self.verb, self.subject.person
        if self.tense == "present":
            return present(verb.german, verb.third, person), verb.prefix
        if self.tense == "past":
            return finite(verb.auxiliary, person), verb.participle
        return finite(self.tense, person), verb.prefix + verb.german

    def german_middle(self) -> list[str]:
        """Return what stands between the German verb's two parts."""
        verb = self.verb
        if verb.preposition:
            (phrase,) = self.objects
            middle = [phrase.behind(verb.preposition, verb.case)]
            # "nicht" stands before a preposition, but behind a mere object.
            return ["nicht", *middle] if self.negated else middle
        cases = verb.case.split("+")
        # A question, or a relative clause, has its object elsewhere.
        middle = [p.german(c) for p, c in zip(self.objects, cases, strict=False)]
        return [*middle, "nicht"] if self.negated else middle

    def german(self, front: str = "") -> str:
        """Return the German statement; what is put in front, the subject follows."""
        if front:
            return self.german_question(front)
        return f"{self.subject.german('nom')} {self.german_predicate()}"

    def german_predicate(self) -> str:
        """Return the German statement without its subject."""
        verb, end = self.german_verb()
        return _joined(verb, *self.german_middle(), end)

    def german_question(self, word: str = "") -> str:
        """Return the German question, perhaps behind a question word.

        A statement with something else in front has the same order.
        """
        verb, end = self.german_verb()
        subject = self.subject.german("nom")
        return _joined(word, verb, subject, *self.german_middle(), end)

    def german_last(self, subject: str | None = None) -> str:
        """Return the German clause with its verb last, as "weil" has it."""
        who = self.subject.german("nom") if subject is None else subject
        verb, end = self.german_verb()
        # A separable prefix is one word with its verb again.
        last = end + verb if self.tense == "present" else _joined(end, verb)
        return _joined(who, *self.german_middle(), last)


@dataclasses.dataclass(frozen=True)
class Being:
    """A subject and what it is like: an adjective, or more so than another.

    Args:
        subject: The English subject.
        german_subject: The German one.
        person: What the verb agrees with.
        words: The English and the German predicate.
        past: Whether it was.
        negated: Whether it is not.
    """

    subject: str
    german_subject: str
    person: str
    words: tuple[str, str]
    past: bool = False
    negated: bool = False

    def english(self) -> str:
        """Return the English statement."""
        forms = {"s1": ("am", "was"), "s3": ("is", "was")}
        verb = forms.get(self.person, ("are", "were"))[self.past]
        return _joined(self.subject, verb, "not" * self.negated, self.words[0])

    def german(self, front: str = "") -> str:
        """Return the German statement."""
        verb = finite("war" if self.past else "sein", self.person)
        first = [front, verb, self.german_subject]
        if not front:
            first = [self.german_subject, verb]
        return _joined(*first, "nicht" * self.negated, self.words[1])

    def german_last(self) -> str:
        """Return the German clause with its verb last."""
        verb = finite("war" if self.past else "sein", self.person)
        negation = "nicht" * self.negated
        return _joined(self.german_subject, negation, self.words[1], verb)


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)
