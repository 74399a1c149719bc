"""The English-German grammar: each form by hand, agreement, case and verb position."""

import collections
import itertools
import re

import pytest

from kzoo.data import pair_splits, read_pairs
from kzoo.data.demo_translation import pair
from kzoo.data.demo_translation_clauses import Clause, english_third
from kzoo.data.demo_translation_phrases import (
    EVERY,
    MY,
    NO,
    OWN,
    PRONOUNS,
    THE,
    THIS,
    TWO,
    A,
    NounPhrase,
)
from kzoo.data.demo_translation_words import ADJECTIVES, NOUNS, VERBS

pytestmark = pytest.mark.backend_free

SPLITS = ("train", "validation", "test")
NOUN = {noun.english: noun for noun in NOUNS}
ADJECTIVE = {word.english: word for word in ADJECTIVES}
VERB = {verb.english: verb for verb in reversed(VERBS)}

# From here on German by hand: what follows does not read the grammar's tables.
GENDERS = {
    "der": "Mann Junge Lehrer Arzt Freund Nachbar Student Vater Bruder Onkel König "
    "Gast Hund Vogel Bär Tisch Stuhl Ball Schlüssel Hut Mantel Löffel Apfel Kuchen "
    "Brief Koffer Garten Wald Keller",
    "die": "Frau Mutter Schwester Tante Königin Katze Kuh Maus Ente Lampe Tasche Uhr "
    "Tasse Gabel Birne Suppe Tomate Kartoffel Tür Kiste Schule Küche Stadt Kirche",
    "das": "Kind Mädchen Baby Pferd Schwein Bild Auto Fahrrad Hemd Messer Ei Buch Lied "
    "Gedicht Fenster Haus Zimmer Dorf Museum",
}
# (determiner, adjective's ending, what a noun of the gender is) by case.
PARADIGMS = {
    ("m", "nom"): "der e, ein er, kein er, mein er, dieser e, jeder e",
    ("m", "acc"): "den en, einen en, keinen en, meinen en, diesen en, jeden en",
    ("m", "dat"): "dem en, einem en, keinem en, meinem en, diesem en, jedem en, im en",
    ("f", "nom"): "die e, eine e, keine e, meine e, diese e, jede e",
    ("f", "acc"): "die e, eine e, keine e, meine e, diese e, jede e",
    ("f", "dat"): "der en, einer en, keiner en, meiner en, dieser en, jeder en",
    ("n", "nom"): "das e, ein es, kein es, mein es, dieses e, jedes e",
    ("n", "acc"): "das e, ein es, kein es, mein es, dieses e, jedes e, ins e",
    ("n", "dat"): "dem en, einem en, keinem en, meinem en, diesem en, jedem en, im en",
    ("p", "nom"): "die en, meine en, diese en, zwei e, drei e",
    ("p", "acc"): "die en, meine en, diese en, zwei e, drei e",
    ("p", "dat"): "den en, meinen en, diesen en, zwei en, drei en",
}
PREPOSITIONS = {"mit": "dat", "aus": "dat", "auf": "acc", "an": "acc", "um": "acc",
                "für": "acc"}  # fmt: skip
SUBORDINATING = "weil obwohl dass ob".split()
AUXILIARIES = (
    "habe haben hat bin sind ist war waren werde werden wird kann können muss müssen "
    "will wollen weiß wissen"
).split()


@pytest.fixture(scope="module")
def splits():
    return {split: read_pairs("demo:en-de", split) for split in SPLITS}


@pytest.fixture(scope="module")
def german(splits):
    return splits["train"].targets


def phrase(word, noun, plural=False, adjective=None):
    return NounPhrase(word, NOUN[noun], plural, adjective and ADJECTIVE[adjective])


@pytest.mark.parametrize(
    ("made", "english", "nominative", "accusative", "dative"),
    [
        (phrase(THE, "dog", False, "small"), "the small dog",
         "der kleine Hund", "den kleinen Hund", "dem kleinen Hund"),
        (phrase(A, "dog", False, "old"), "an old dog",
         "ein alter Hund", "einen alten Hund", "einem alten Hund"),
        (phrase(THE, "boy"), "the boy", "der Junge", "den Jungen", "dem Jungen"),
        (phrase(THE, "boy", True), "the boys", "die Jungen", "die Jungen",
         "den Jungen"),
        (phrase(EVERY, "neighbour"), "every neighbour", "jeder Nachbar",
         "jeden Nachbarn", "jedem Nachbarn"),
        (phrase(MY, "cat", False, "tired"), "my tired cat", "meine müde Katze",
         "meine müde Katze", "meiner müden Katze"),
        (phrase(THIS, "cellar", False, "dark"), "this dark cellar",
         "dieser dunkle Keller", "diesen dunklen Keller", "diesem dunklen Keller"),
        (phrase(NO, "egg", False, "expensive"), "no expensive egg",
         "kein teures Ei", "kein teures Ei", "keinem teuren Ei"),
        (phrase(TWO, "house", True, "new"), "two new houses", "zwei neue Häuser",
         "zwei neue Häuser", "zwei neuen Häusern"),
        (phrase(THIS, "mouse", True, "hungry"), "these hungry mice",
         "diese hungrigen Mäuse", "diese hungrigen Mäuse", "diesen hungrigen Mäusen"),
        (phrase(OWN["f"], "car", True, "big"), "her big cars", "ihre großen Autos",
         "ihre großen Autos", "ihren großen Autos"),
        (phrase(OWN["m"], "queen", True), "his queens", "seine Königinnen",
         "seine Königinnen", "seinen Königinnen"),
        (phrase(A, "apple"), "an apple", "ein Apfel", "einen Apfel", "einem Apfel"),
    ],
)  # fmt: skip
def test_noun_phrases(made, english, nominative, accusative, dative):
    assert made.english == english
    assert made.german("nom") == nominative
    assert made.german("acc") == accusative
    assert made.german("dat") == dative


THE_MAN, THE_WOMAN = phrase(THE, "man"), phrase(THE, "woman")
THE_DOCTOR, MY_CHILD = phrase(THE, "doctor"), phrase(MY, "child")


@pytest.mark.parametrize(
    ("clause", "english", "second", "last"),
    [
        (Clause(THE_MAN, VERB["call"], (THE_DOCTOR,)), "the man calls the doctor",
         "der Mann ruft den Arzt an", "der Mann den Arzt anruft"),
        (Clause(THE_MAN, VERB["call"], (THE_DOCTOR,), "past", True),
         "the man did not call the doctor",
         "der Mann hat den Arzt nicht angerufen",
         "der Mann den Arzt nicht angerufen hat"),
        (Clause(PRONOUNS[0], VERB["invite"], (MY_CHILD,), "want"),
         "I want to invite my child", "ich will mein Kind einladen",
         "ich mein Kind einladen will"),
        (Clause(PRONOUNS[0], VERB["help"], (MY_CHILD,), "can", True),
         "I cannot help my child", "ich kann meinem Kind nicht helfen",
         "ich meinem Kind nicht helfen kann"),
        (Clause(THE_WOMAN, VERB["go into"], (phrase(THE, "house"),), "past"),
         "the woman went into the house", "die Frau ist ins Haus gegangen",
         "die Frau ins Haus gegangen ist"),
        (Clause(THE_WOMAN, VERB["live in"], (phrase(THE, "forest"),), "present", True),
         "the woman does not live in the forest", "die Frau wohnt nicht im Wald",
         "die Frau nicht im Wald wohnt"),
        (Clause(PRONOUNS[1], VERB["give"], (MY_CHILD, phrase(A, "ball")), "future"),
         "we will give my child a ball", "wir werden meinem Kind einen Ball geben",
         "wir meinem Kind einen Ball geben werden"),
        (Clause(PRONOUNS[1], VERB["get up"]), "we get up", "wir stehen auf",
         "wir aufstehen"),
        (Clause(THE_WOMAN, VERB["wait for"], (THE_DOCTOR,), "want", True),
         "the woman does not want to wait for the doctor",
         "die Frau will nicht auf den Arzt warten",
         "die Frau nicht auf den Arzt warten will"),
    ],
)  # fmt: skip
def test_clauses(clause, english, second, last):
    assert clause.english() == english
    assert clause.german() == second
    assert clause.german_last() == last


def test_questions():
    clause = Clause(THE_WOMAN, VERB["throw away"], (phrase(A, "hat"),), "past")
    assert clause.english_question() == "did the woman throw away a hat"
    assert clause.german_question() == "hat die Frau einen Hut weggeworfen"
    assert clause.german_question("wann") == "wann hat die Frau einen Hut weggeworfen"
    clause = Clause(THE_WOMAN, VERB["pick up"], (THE_MAN,))
    assert clause.german("heute") == "heute holt die Frau den Mann ab"
    assert english_third("fall asleep") == "falls asleep"


def test_sentences_stay_what_they_are():
    assert [pair("train", index) for index in (2, 28, 39, 72)] == SENTENCES


SENTENCES = [
    (
        "The happy teacher asked whether my mothers play with this aunt.",
        "Der glückliche Lehrer hat gefragt, ob meine Mütter mit dieser Tante spielen.",
    ),
    (
        "Yesterday the friend needed the box.",
        "Gestern hat der Freund die Kiste gebraucht.",
    ),
    (
        "The mouse that the neighbours will help came out of the houses.",
        "Die Maus, der die Nachbarn helfen werden, ist aus den Häusern gekommen.",
    ),
    (
        "Every small dog is tired.",
        "Jeder kleine Hund ist müde.",
    ),
]


def test_any_pair_is_the_same_whatever_was_read_before(splits):
    for split, index in itertools.product(SPLITS, (417, 3, 99)):
        told = (splits[split].sources[index], splits[split].targets[index])
        assert told == pair(split, index)
    turned = read_pairs("demo:de-en", "test")
    assert turned.sources == splits["test"].targets
    assert turned.targets == splits["test"].sources
    assert turned.direction == "de to en"
    assert (
        read_pairs("demo:en-de", "train", size=7).sources
        == (splits["train"].sources[:7])
    )
    assert pair_splits("demo:de-en") == dict.fromkeys(SPLITS, "stored")


def test_each_sentence_has_one_translation_and_one_split(splits):
    there, back = collections.defaultdict(set), collections.defaultdict(set)
    for pairs in splits.values():
        for english, german in zip(pairs.sources, pairs.targets, strict=True):
            there[english].add(german)
            back[german].add(english)
    assert {len(found) for found in (*there.values(), *back.values())} == {1}
    for side in ("sources", "targets"):
        texts = [set(getattr(pairs, side)) for pairs in splits.values()]
        assert sum(map(len, texts)) == len(set.union(*texts))
    assert len(set(splits["train"].sources)) > 19_000
    lengths = [len(text.split()) for text in splits["train"].sources]
    assert max(lengths) < 25


def declined():
    """Return noun forms and phrases by what they can be: (gender, case)."""
    plurals = {noun.german: noun.german_plural for noun in NOUNS}
    forms = collections.defaultdict(set)
    for gender, (_, nouns) in zip("mfn", GENDERS.items(), strict=True):
        for noun in nouns.split():
            weak = {"Junge": "n", "Nachbar": "n", "Student": "en", "Bär": "en"}
            oblique = noun + weak.get(noun, "")
            forms[noun].add((gender, "nom"))
            forms[oblique] |= {(gender, "acc"), (gender, "dat")}
            plural = plurals[noun]
            forms[plural] |= {("p", "nom"), ("p", "acc")}
            forms[plural if plural[-1] in "ns" else plural + "n"].add(("p", "dat"))
    words = collections.defaultdict(set)
    for place, row in PARADIGMS.items():
        for entry in row.split(", "):
            word, ending = entry.split()
            words[word].add((place, ending))
            if word.startswith("mein"):
                for owner in ("sein", "ihr"):
                    words[owner + word[4:]].add((place, ending))
    return forms, words


FORMS, WORDS = declined()
ENDED = re.compile(r"(?:teur|dunkl|[a-zäöüß]{2,}?)(e[nrs]?)$")


def phrases_of(sentence):
    """Return (word before, determiner, places that it can be) of noun phrases."""
    words = re.findall(r"\w+", sentence)
    for i, noun in enumerate(words):
        if noun not in FORMS or i == 0:
            continue
        bare = words[i - 1].lower() in WORDS
        start = i - 1 if bare else i - 2
        if start < 0 or words[start].lower() not in WORDS:
            continue
        ending = None if bare else ENDED.search(words[i - 1])[1]
        places = {
            place
            for place, wanted in WORDS[words[start].lower()]
            if place in FORMS[noun] and ending in (None, wanted)
        }
        before = words[start - 1] if start else ""
        yield before, words[start].lower(), places, words[start : i + 1]


def test_nouns_have_the_gender_of_the_dictionary():
    listed = [noun for row in GENDERS.values() for noun in row.split()]
    assert sorted(listed) == sorted(noun.german for noun in NOUNS)
    for noun in NOUNS:
        article = {"m": "der", "f": "die", "n": "das"}[noun.gender]
        assert noun.german in GENDERS[article].split()


def test_determiner_adjective_and_noun_agree(german):
    seen = collections.Counter()
    for sentence in german:
        for before, word, places, words in phrases_of(sentence):
            assert places, (sentence, words)
            case = PREPOSITIONS.get(before)
            if case:
                assert case in {c for _, c in places}, (sentence, words)
            if word == "im":
                assert "dat" in {c for _, c in places}
            seen.update(places)
    assert set(seen) == set(PARADIGMS)
    assert min(seen.values()) > 500


@pytest.mark.parametrize(
    ("verbs", "case"),
    [
        (r"sieht|sehen|sucht|suchen|findet|hört|kauft|isst|braucht|wäscht", "acc"),
        (r"hilft|helfen|dankt|danken|antwortet|gratuliert|folgt|vertraut", "dat"),
    ],
)  # fmt: skip
def test_verbs_govern_their_case(german, verbs, case):
    pattern = re.compile(
        rf"^(?:\w+ ){{1,3}}(?:{verbs}) ((?:\w+ )?\w+ \w+)(?: nicht)?\.$"
    )
    seen = 0
    for sentence in german:
        found = pattern.match(sentence)
        if found and "," not in sentence:
            told = list(phrases_of(found[1]))
            if told:
                seen += 1
                assert case in {c for _, c in told[0][2]}, sentence
    assert seen > 40


def finite_forms():
    forms = set(AUXILIARIES)
    for verb in VERBS:
        forms |= {verb.third, verb.german, verb.german[:-2] + "e"}
    return forms | {f"{w}t" for w in "sag glaub hoff frag".split()} | {
        *"sagen glauben hoffen fragen sage glaube hoffe frage".split()
    }  # fmt: skip


def test_the_verb_is_second_behind_a_time(german):
    finite, seen = finite_forms(), 0
    times = "Heute|Jetzt|Gestern|Morgen|Bald|Jeden Tag|Letzte Woche|Am Abend|Am Montag"
    for sentence in german:
        found = re.match(rf"(?:{times}) (\w+) ", sentence)
        if found:
            seen += 1
            assert found[1] in finite, sentence
    assert seen > 2000


def test_the_verb_is_last_in_a_subordinate_clause(german):
    finite, seen = finite_forms(), 0
    for verb in VERBS:
        forms = (verb.third, verb.german, verb.german[:-2] + "e")
        finite |= {verb.prefix + form for form in forms}
    for sentence in german:
        for word, clause in re.findall(r"\b(\w+) ([^,.]+)[,.]", sentence):
            if word.lower() in SUBORDINATING:
                seen += 1
                assert clause.split()[-1] in finite, sentence
    assert seen > 3000


def test_what_stands_in_front_is_followed_by_the_verb(german):
    finite, seen = finite_forms(), 0
    for sentence in german:
        found = re.match(r"(?:Weil|Obwohl) [^,]+, (\w+) ", sentence)
        if found:
            seen += 1
            assert found[1] in finite, sentence
    assert seen > 300


def test_a_pronoun_has_the_gender_of_its_noun(splits):
    """ "It" is er, sie or es by the noun, as in "Die Lampe ..., weil sie neu ist"."""
    seen, likeness = collections.Counter(), collections.defaultdict(set)
    gender = {n: g for g, row in GENDERS.items() for n in row.split()}
    train = splits["train"]
    for english, german in zip(train.sources, train.targets, strict=True):
        told = re.search(r" (?:because|although) (it|s?he) (?:is|was) (.+)\.$", english)
        if told:
            likeness[told[1] == "it"].add(told[2])
        found = re.search(r", (?:weil|obwohl) (er|sie|es) \w+ (?:ist|war)\.", german)
        if found and re.search(r" it (?:is|was) \w+( \w+)?\.$", english):
            nouns = [
                w for w in re.findall(r"\w+", german[: found.start()]) if w in gender
            ]
            article = {"er": "der", "sie": "die", "es": "das"}[found[1]]
            assert gender[nouns[-1]] == article, german
            seen[found[1]] += 1
    assert min(seen.values()) > 10, seen
    assert len(seen) == 3
    # "Die Frau kauft die Lampe, weil sie alt ist" would be either of them.
    assert len(likeness) == 2
    assert not likeness[True] & likeness[False]


def test_every_word_is_met_in_training(splits):
    words = [collections.Counter(), collections.Counter()]
    for counts, side in zip(words, ("sources", "targets"), strict=True):
        for text in getattr(splits["train"], side):
            counts.update(re.findall(r"\w+", text.lower()))
        test = {
            word
            for split in ("validation", "test")
            for text in getattr(splits[split], side)
            for word in re.findall(r"\w+", text.lower())
        }
        assert not test - set(counts)
    assert 250 < len(words[0]) < len(words[1]) < 900
