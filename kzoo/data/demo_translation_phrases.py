"""Who and what the sentences of `demo:en-de` are about: noun phrases and pronouns.

German articles, adjectives and nouns follow from gender, number and case; the ending
of an adjective also from what its determiner already shows:

    der kleine Hund     ein kleiner Hund     zwei kleine Hunde
    den kleinen Hund    einen kleinen Hund   zwei kleine Hunde
    dem kleinen Hund    einem kleinen Hund   zwei kleinen Hunden
"""

import dataclasses

from kzoo.data.demo_translation_words import Adjective, Noun


def _table(**rows: str) -> dict[str, dict[str, str]]:
    """Return endings by case and by gender, `p` for the plural; `-` is none."""
    return {
        case: dict(zip("mfnp", row.replace("-", " ").split(" "), strict=True))
        for case, row in rows.items()
    }


_THE = _table(nom="der die das die", acc="den die das die", dat="dem der dem den")
_LIKE_THE = _table(nom="er e es e", acc="en e es e", dat="em er em en")
_LIKE_A = {
    "nom": {"m": "", "f": "e", "n": "", "p": "e"},
    "acc": {"m": "en", "f": "e", "n": "", "p": "e"},
    "dat": _LIKE_THE["dat"],
}
_NUMBER = {case: dict.fromkeys("mfnp", "") for case in _THE}
# Adjectives: after "der", after "ein", after a number.
_WEAK = _table(nom="e e e en", acc="en e e en", dat="en en en en")
_MIXED = _table(nom="er e es en", acc="en e es en", dat="en en en en")
_STRONG = _table(nom="er e es e", acc="en e es e", dat="em er em en")
_PRONOUNS = _table(nom="er sie es sie", acc="ihn sie es sie", dat="ihm ihr ihm ihnen")
_CONTRACTED = {("in", "dem"): "im", ("in", "das"): "ins"}


@dataclasses.dataclass(frozen=True)
class Determiner:
    """What stands before a noun.

    Args:
        english: Its form with a singular, or nothing.
        english_plural: Its form with a plural, or nothing.
        german: What endings are added to.
        kind: `the`, `like the`, `like a` or `number`.
        definite: Whether it says which one, so that "nicht" can deny its clause.
    """

    english: str
    english_plural: str
    german: str
    kind: str
    definite: bool

    def form(self, case: str, gender: str) -> str:
        """Return the German form; `gender` is `p` for the plural."""
        endings = {"the": _THE, "like the": _LIKE_THE, "like a": _LIKE_A}
        return self.german + endings.get(self.kind, _NUMBER)[case][gender]

    def adjective(self, case: str, gender: str) -> str:
        """Return the ending of a German adjective behind it."""
        endings = {"like a": _MIXED, "number": _STRONG}
        return endings.get(self.kind, _WEAK)[case][gender]


THE = Determiner("the", "the", "", "the", True)
A = Determiner("a", "", "ein", "like a", False)
NO = Determiner("no", "", "kein", "like a", False)
MY = Determiner("my", "my", "mein", "like a", True)
THIS = Determiner("this", "these", "dies", "like the", True)
EVERY = Determiner("every", "", "jed", "like the", False)
TWO = Determiner("", "two", "zwei", "number", False)
THREE = Determiner("", "three", "drei", "number", False)
# The owner's own, by gender of the owner.
OWN = {
    "m": Determiner("his", "his", "sein", "like a", True),
    "f": Determiner("her", "her", "ihr", "like a", True),
    "p": Determiner("their", "their", "ihr", "like a", True),
}


@dataclasses.dataclass(frozen=True)
class NounPhrase:
    """A determiner, perhaps an adjective, and a noun.

    Args:
        determiner: The determiner.
        noun: The noun.
        plural: Whether there are several.
        adjective: The adjective, if any.

    Example:
        >>> from kzoo.data.demo_translation_words import NOUNS
        >>> phrase = NounPhrase(THE, NOUNS[4], True)
        >>> phrase.english, phrase.german("nom"), phrase.german("dat")
        ('the boys', 'die Jungen', 'den Jungen')
    """

    determiner: Determiner
    noun: Noun
    plural: bool
    adjective: Adjective | None = None

    @property
    def person(self) -> str:
        """What a verb agrees with: `s3` or `p3`."""
        return "p3" if self.plural else "s3"

    @property
    def gender(self) -> str:
        """`m`, `f` or `n`, or `p` for the plural."""
        return "p" if self.plural else self.noun.gender

    @property
    def english(self) -> str:
        """The English phrase."""
        word = self.determiner
        noun = self.noun.english_plural if self.plural else self.noun.english
        rest = f"{self.adjective.english} {noun}" if self.adjective else noun
        article = word.english_plural if self.plural else word.english
        if article == "a" and rest[0] in "aeiou":
            article = "an"
        return f"{article} {rest}"

    def german(self, case: str) -> str:
        """Return the German phrase in a case: `nom`, `acc` or `dat`."""
        words = [self.determiner.form(case, self.gender)]
        if self.adjective:
            ending = self.determiner.adjective(case, self.gender)
            words.append(self.adjective.stem + ending)
        return " ".join([*words, self._noun(case)])

    def behind(self, preposition: str, case: str) -> str:
        """Return the German phrase behind a preposition: `im Haus`, `mit dem Kind`."""
        article, rest = self.german(case).split(" ", 1)
        if self.determiner is THE and (preposition, article) in _CONTRACTED:
            return f"{_CONTRACTED[preposition, article]} {rest}"
        return f"{preposition} {article} {rest}"

    def relative(self, case: str) -> str:
        """Return the German relative pronoun that refers to it."""
        if case == "dat" and self.plural:
            return "denen"
        return _THE[case][self.gender]

    def pronoun(self) -> tuple[str, str]:
        """Return the English and the German pronoun for it, as a subject.

        German goes by gender, English by gender for persons alone.
        """
        german = _PRONOUNS["nom"][self.gender]
        if self.plural:
            return "they", german
        if self.noun.kind == "person":
            return {"m": "he", "f": "she", "n": "it"}[self.gender], german
        return "it", german

    def _noun(self, case: str) -> str:
        if self.plural:
            plural = self.noun.german_plural
            return plural + ("n" if case == "dat" and plural[-1] not in "ns" else "")
        return self.noun.german if case == "nom" else self.noun.oblique


@dataclasses.dataclass(frozen=True)
class Pronoun:
    """A pronoun as a subject.

    Args:
        english: Its English form.
        nominative: Its German form.
        person: What a verb agrees with: `s1`, `p1` or `s3`.
        gender: `m` or `f` of a third person, whose own things are his or hers.
    """

    english: str
    nominative: str
    person: str
    gender: str = ""

    def german(self, case: str) -> str:
        """Return the German form; it is a subject, and so nominative."""
        del case
        return self.nominative


PRONOUNS = (
    Pronoun("I", "ich", "s1"),
    Pronoun("we", "wir", "p1"),
    Pronoun("he", "er", "s3", "m"),
    Pronoun("she", "sie", "s3", "f"),
)
