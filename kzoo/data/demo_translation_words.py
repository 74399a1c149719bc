"""The words of the `demo:en-de` grammar, each with all that its forms follow from."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Noun:
    """A noun: what it is, and its forms.

    Args:
        kind: `person`, `animal`, `thing`, `food`, `text`, `lid` (what is opened) or
            `place`.
        english: The singular.
        english_plural: The plural.
        gender: `m`, `f` or `n`.
        german: The nominative singular.
        german_plural: The nominative plural.
        oblique: The other cases of the singular; weak nouns have their own.
    """

    kind: str
    english: str
    english_plural: str
    gender: str
    german: str
    german_plural: str
    oblique: str


def _nouns(kind: str, table: str) -> tuple[Noun, ...]:
    rows = (row.split() for row in table.strip().split("\n"))
    return tuple(
        Noun(kind, *row[:5], oblique=row[5] if len(row) > 5 else row[3]) for row in rows
    )


NOUNS = (
    *_nouns("person", """
        man men m Mann Männer
        woman women f Frau Frauen
        child children n Kind Kinder
        girl girls n Mädchen Mädchen
        boy boys m Junge Jungen Jungen
        teacher teachers m Lehrer Lehrer
        doctor doctors m Arzt Ärzte
        friend friends m Freund Freunde
        neighbour neighbours m Nachbar Nachbarn Nachbarn
        student students m Student Studenten Studenten
        mother mothers f Mutter Mütter
        father fathers m Vater Väter
        sister sisters f Schwester Schwestern
        brother brothers m Bruder Brüder
        aunt aunts f Tante Tanten
        uncle uncles m Onkel Onkel
        queen queens f Königin Königinnen
        king kings m König Könige
        guest guests m Gast Gäste
        baby babies n Baby Babys
    """),
    *_nouns("animal", """
        dog dogs m Hund Hunde
        cat cats f Katze Katzen
        horse horses n Pferd Pferde
        bird birds m Vogel Vögel
        cow cows f Kuh Kühe
        pig pigs n Schwein Schweine
        mouse mice f Maus Mäuse
        bear bears m Bär Bären Bären
        duck ducks f Ente Enten
    """),
    *_nouns("thing", """
        table tables m Tisch Tische
        chair chairs m Stuhl Stühle
        lamp lamps f Lampe Lampen
        picture pictures n Bild Bilder
        ball balls m Ball Bälle
        car cars n Auto Autos
        bicycle bicycles n Fahrrad Fahrräder
        bag bags f Tasche Taschen
        key keys m Schlüssel Schlüssel
        shirt shirts n Hemd Hemden
        hat hats m Hut Hüte
        coat coats m Mantel Mäntel
        clock clocks f Uhr Uhren
        cup cups f Tasse Tassen
        knife knives n Messer Messer
        spoon spoons m Löffel Löffel
        fork forks f Gabel Gabeln
    """),
    *_nouns("food", """
        apple apples m Apfel Äpfel
        cake cakes m Kuchen Kuchen
        pear pears f Birne Birnen
        soup soups f Suppe Suppen
        egg eggs n Ei Eier
        tomato tomatoes f Tomate Tomaten
        potato potatoes f Kartoffel Kartoffeln
    """),
    *_nouns("text", """
        book books n Buch Bücher
        letter letters m Brief Briefe
        song songs n Lied Lieder
        poem poems n Gedicht Gedichte
    """),
    *_nouns("lid", """
        door doors f Tür Türen
        window windows n Fenster Fenster
        box boxes f Kiste Kisten
        suitcase suitcases m Koffer Koffer
    """),
    *_nouns("place", """
        garden gardens m Garten Gärten
        house houses n Haus Häuser
        school schools f Schule Schulen
        kitchen kitchens f Küche Küchen
        room rooms n Zimmer Zimmer
        forest forests m Wald Wälder
        town towns f Stadt Städte
        village villages n Dorf Dörfer
        museum museums n Museum Museen
        church churches f Kirche Kirchen
        cellar cellars m Keller Keller
    """),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Adjective:
    """An adjective.

    Args:
        kinds: The kinds of noun it describes.
        english: Its form.
        german: Its form behind "ist".
        stem: What endings are added to.
        more: Both comparatives, or two empty texts.
    """

    kinds: tuple[str, ...]
    english: str
    german: str
    stem: str
    more: tuple[str, str] = ("", "")


_THINGS = ("thing", "text", "lid")
_LIVING = ("person", "animal")
ADJECTIVES = (
    Adjective((*_LIVING, *_THINGS, "place"), "old", "alt", "alt", ("older", "älter")),
    Adjective(_LIVING, "young", "jung", "jung", ("younger", "jünger")),
    Adjective((*_LIVING, *_THINGS, "food", "place"), "small", "klein", "klein",
              ("smaller", "kleiner")),
    Adjective(("animal", "thing", "lid", "food", "place"), "big", "groß", "groß",
              ("bigger", "größer")),
    Adjective((*_THINGS, "place"), "new", "neu", "neu", ("newer", "neuer")),
    Adjective(("thing", "lid", "food"), "red", "rot", "rot"),
    Adjective(("thing", "lid"), "blue", "blau", "blau"),
    Adjective(("thing", "lid", "food"), "green", "grün", "grün"),
    Adjective(("animal", "thing", "lid"), "black", "schwarz", "schwarz"),
    Adjective(("animal", "thing", "lid"), "white", "weiß", "weiß"),
    Adjective(("thing", "food"), "cheap", "billig", "billig", ("cheaper", "billiger")),
    Adjective(("thing", "food"), "expensive", "teuer", "teur",
              ("more expensive", "teurer")),
    Adjective(("thing",), "heavy", "schwer", "schwer", ("heavier", "schwerer")),
    Adjective(("thing", "place"), "beautiful", "schön", "schön",
              ("more beautiful", "schöner")),
    Adjective(("food",), "fresh", "frisch", "frisch", ("fresher", "frischer")),
    Adjective(("place",), "dark", "dunkel", "dunkl", ("darker", "dunkler")),
    Adjective(("place",), "quiet", "ruhig", "ruhig", ("quieter", "ruhiger")),
    Adjective(("person",), "friendly", "freundlich", "freundlich",
              ("friendlier", "freundlicher")),
    Adjective(("person",), "rich", "reich", "reich", ("richer", "reicher")),
    Adjective(("person",), "famous", "berühmt", "berühmt"),
    Adjective(_LIVING, "strong", "stark", "stark", ("stronger", "stärker")),
    Adjective(_LIVING, "tired", "müde", "müd"),
    Adjective(_LIVING, "hungry", "hungrig", "hungrig"),
    Adjective(("person",), "sad", "traurig", "traurig", ("sadder", "trauriger")),
    Adjective(("person",), "happy", "glücklich", "glücklich",
              ("happier", "glücklicher")),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb and what it governs.

    Args:
        english: Its plain form; a particle or preposition follows.
        past: The same in the past.
        german: The infinitive, without a separable prefix.
        third: "er ..." in the present, without the prefix.
        participle: The past participle, prefix included.
        case: The case of its object: `acc`, `dat`, `dat+acc` for two objects, or
            nothing.
        kinds: The kinds of noun its object, or its second object, may be.
        preposition: What stands before the German object.
        prefix: The separable prefix.
        auxiliary: `haben` or `sein`.
        animals: Whether an animal may be the subject.
        state: Whether it is no action, and so neither wanted nor possible.
    """

    english: str
    past: str
    german: str
    third: str
    participle: str
    case: str = ""
    kinds: tuple[str, ...] = ()
    preposition: str = ""
    prefix: str = ""
    auxiliary: str = "haben"
    animals: bool = False
    state: bool = False


_OBJECTS = (*_LIVING, *_THINGS, "food")
_PERSON = ("person",)
_GOODS = (*_THINGS, "food")
_PLACE = ("place",)
VERBS = (
    Verb("see", "saw", "sehen", "sieht", "gesehen", "acc", _OBJECTS, animals=True),
    Verb("look for", "looked for", "suchen", "sucht", "gesucht", "acc", _OBJECTS,
         animals=True),
    Verb("find", "found", "finden", "findet", "gefunden", "acc", _OBJECTS,
         animals=True),
    Verb("hear", "heard", "hören", "hört", "gehört", "acc", _LIVING, animals=True),
    Verb("draw", "drew", "zeichnen", "zeichnet", "gezeichnet", "acc",
         (*_LIVING, "thing", "place")),
    Verb("need", "needed", "brauchen", "braucht", "gebraucht", "acc",
         (*_PERSON, *_GOODS), state=True),
    Verb("know", "knew", "kennen", "kennt", "gekannt", "acc", (*_PERSON, "text"),
         state=True),
    Verb("love", "loved", "lieben", "liebt", "geliebt", "acc", _LIVING, state=True),
    Verb("visit", "visited", "besuchen", "besucht", "besucht", "acc", _PERSON),
    Verb("greet", "greeted", "begrüßen", "begrüßt", "begrüßt", "acc", _PERSON),
    Verb("wash", "washed", "waschen", "wäscht", "gewaschen", "acc",
         ("animal", "thing")),
    Verb("buy", "bought", "kaufen", "kauft", "gekauft", "acc", ("animal", *_GOODS)),
    Verb("sell", "sold", "verkaufen", "verkauft", "verkauft", "acc",
         ("animal", *_GOODS)),
    Verb("repair", "repaired", "reparieren", "repariert", "repariert", "acc",
         ("thing", "lid")),
    Verb("forget", "forgot", "vergessen", "vergisst", "vergessen", "acc",
         ("thing", "text")),
    Verb("steal", "stole", "stehlen", "stiehlt", "gestohlen", "acc",
         ("thing", "animal")),
    Verb("eat", "ate", "essen", "isst", "gegessen", "acc", ("food",)),
    Verb("write", "wrote", "schreiben", "schreibt", "geschrieben", "acc", ("text",)),
    Verb("call", "called", "rufen", "ruft", "angerufen", "acc", _PERSON, prefix="an"),
    Verb("invite", "invited", "laden", "lädt", "eingeladen", "acc", _PERSON,
         prefix="ein"),
    Verb("pick up", "picked up", "holen", "holt", "abgeholt", "acc", _PERSON,
         prefix="ab"),
    Verb("throw away", "threw away", "werfen", "wirft", "weggeworfen", "acc", _GOODS,
         prefix="weg"),
    Verb("open", "opened", "machen", "macht", "aufgemacht", "acc", ("lid",),
         prefix="auf"),
    Verb("close", "closed", "machen", "macht", "zugemacht", "acc", ("lid",),
         prefix="zu"),
    Verb("help", "helped", "helfen", "hilft", "geholfen", "dat", _LIVING),
    Verb("thank", "thanked", "danken", "dankt", "gedankt", "dat", _PERSON),
    Verb("answer", "answered", "antworten", "antwortet", "geantwortet", "dat", _PERSON),
    Verb("congratulate", "congratulated", "gratulieren", "gratuliert", "gratuliert",
         "dat", _PERSON),
    Verb("trust", "trusted", "vertrauen", "vertraut", "vertraut", "dat", _LIVING,
         state=True),
    Verb("follow", "followed", "folgen", "folgt", "gefolgt", "dat", _LIVING,
         auxiliary="sein", animals=True),
    Verb("give", "gave", "geben", "gibt", "gegeben", "dat+acc", _GOODS),
    Verb("show", "showed", "zeigen", "zeigt", "gezeigt", "dat+acc",
         ("thing", "text", "animal")),
    Verb("bring", "brought", "bringen", "bringt", "gebracht", "dat+acc", _GOODS),
    Verb("sell", "sold", "verkaufen", "verkauft", "verkauft", "dat+acc", _GOODS),
    Verb("wait for", "waited for", "warten", "wartet", "gewartet", "acc", _LIVING,
         "auf", animals=True),
    Verb("think of", "thought of", "denken", "denkt", "gedacht", "acc",
         (*_PERSON, "place"), "an"),
    Verb("ask for", "asked for", "bitten", "bittet", "gebeten", "acc", _GOODS, "um"),
    Verb("cook for", "cooked for", "kochen", "kocht", "gekocht", "acc", _PERSON, "für"),
    Verb("dance with", "danced with", "tanzen", "tanzt", "getanzt", "dat", _PERSON,
         "mit"),
    Verb("play with", "played with", "spielen", "spielt", "gespielt", "dat", _LIVING,
         "mit", animals=True),
    Verb("speak with", "spoke with", "sprechen", "spricht", "gesprochen", "dat",
         _PERSON, "mit"),
    Verb("live in", "lived in", "wohnen", "wohnt", "gewohnt", "dat", _PLACE, "in",
         state=True),
    Verb("work in", "worked in", "arbeiten", "arbeitet", "gearbeitet", "dat", _PLACE,
         "in"),
    Verb("sleep in", "slept in", "schlafen", "schläft", "geschlafen", "dat", _PLACE,
         "in", animals=True),
    Verb("go into", "went into", "gehen", "geht", "gegangen", "acc", _PLACE, "in",
         auxiliary="sein"),
    Verb("run into", "ran into", "laufen", "läuft", "gelaufen", "acc", _PLACE, "in",
         auxiliary="sein", animals=True),
    Verb("come out of", "came out of", "kommen", "kommt", "gekommen", "dat", _PLACE,
         "aus", auxiliary="sein", animals=True),
    Verb("laugh", "laughed", "lachen", "lacht", "gelacht"),
    Verb("sleep", "slept", "schlafen", "schläft", "geschlafen", animals=True),
    Verb("work", "worked", "arbeiten", "arbeitet", "gearbeitet"),
    Verb("sing", "sang", "singen", "singt", "gesungen"),
    Verb("dance", "danced", "tanzen", "tanzt", "getanzt"),
    Verb("cry", "cried", "weinen", "weint", "geweint"),
    Verb("get up", "got up", "stehen", "steht", "aufgestanden", prefix="auf",
         auxiliary="sein", animals=True),
    Verb("fall asleep", "fell asleep", "schlafen", "schläft", "eingeschlafen",
         prefix="ein", auxiliary="sein", animals=True),
    Verb("come back", "came back", "kommen", "kommt", "zurückgekommen",
         prefix="zurück", auxiliary="sein", animals=True),
)  # fmt: skip

# Who says something: (plain, past, infinitive, third and first person, participle).
SAYING = (
    ("know", "knew", "wissen", "weiß", "gewusst"),
    ("say", "said", "sagen", "sagt", "gesagt"),
    ("believe", "believed", "glauben", "glaubt", "geglaubt"),
    ("hope", "hoped", "hoffen", "hofft", "gehofft"),
)

# (English, German) by tense.
TIMES = {
    "present": (
        ("today", "heute"),
        ("now", "jetzt"),
        ("every day", "jeden Tag"),
        ("in the evening", "am Abend"),
        ("on Sunday", "am Sonntag"),
    ),
    "past": (
        ("yesterday", "gestern"),
        ("last week", "letzte Woche"),
        ("last year", "letztes Jahr"),
        ("on Monday", "am Montag"),
    ),
    "future": (
        ("tomorrow", "morgen"),
        ("soon", "bald"),
        ("next week", "nächste Woche"),
        ("on Friday", "am Freitag"),
    ),
    "can": (("today", "heute"), ("tomorrow", "morgen"), ("now", "jetzt")),
    "must": (("today", "heute"), ("tomorrow", "morgen"), ("every day", "jeden Tag")),
    "want": (("today", "heute"), ("now", "jetzt"), ("tomorrow", "morgen")),
}
