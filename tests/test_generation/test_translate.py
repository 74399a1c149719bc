"""From texts to translations: order, windows, prefixes, long texts, bad input."""

import itertools

import numpy as np
import pytest
from support.small_translator import small_translator

from kzoo.errors import InputError
from kzoo.generation import (
    Greedy,
    TopP,
    iter_translations,
    split_sentences,
    translate,
)
from kzoo.tokenizers import SentencePieceTokenizer, TranslationTokenizer

GERMAN = ["Ein Hund läuft.", "Eine Katze schläft auf dem Dach.", "Der Mann.", "Nein!"]
ENGLISH = ["A dog runs.", "A cat sleeps on the roof.", "The man.", "No!"]


@pytest.fixture(scope="module")
def model():
    tokenizer = TranslationTokenizer.train(GERMAN * 9, ENGLISH * 9, 61)
    return small_translator(
        vocabulary_size=tokenizer.vocabulary_size,
        pad_id=tokenizer.pad_id,
        tokenizer=tokenizer,
        max_sequence_length=37,
    )


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    "beams", [pytest.param(1, marks=pytest.mark.slow_on("tensorflow")), 3]
)
def test_results_come_in_order_whatever_runs_together(model, beams):
    options = {"num_beams": beams, "max_new_tokens": 11}
    alone = [translate(model, text, **options)[0] for text in GERMAN]
    assert len(set(alone)) > 2
    for size in (3, 16):
        assert translate(model, GERMAN, batch_size=size, **options) == alone
    assert model.translate(GERMAN[::-1], **options) == alone[::-1]


def test_texts_are_read_as_they_are_needed(model):
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield GERMAN[number % 4]

    found = iter_translations(
        model, endless(), num_beams=1, max_new_tokens=2, batch_size=2
    )
    first = list(itertools.islice(found, 5))
    assert len(read) == 64  # 32 batches of two
    assert first[0][0].text == first[4][0].text


def test_several_translations_with_their_scores(model):
    found = list(
        iter_translations(
            model, GERMAN[:2], num_beams=3, num_results=3, max_new_tokens=9
        )
    )
    for translations in found:
        scores = [t.score for t in translations]
        assert scores == sorted(scores, reverse=True)
        assert len({t.token_ids.tobytes() for t in translations}) == 3
        for translation in translations:
            text = model.tokenizer.decode(translation.token_ids)
            assert translation.text == text
    best = translate(model, GERMAN[:2], num_beams=3, max_new_tokens=9)
    assert [row[0].text for row in found] == best


def test_empty_texts_have_empty_translations(model):
    assert translate(model, ["", GERMAN[0], "  \t"], num_beams=2)[::2] == ["", ""]
    assert translate(model, "\u200b") == [""]  # no tokens, though not empty
    assert translate(model, []) == []
    ((nothing, second),) = iter_translations(model, [""], num_beams=2, num_results=2)
    assert nothing.text == second.text == ""
    assert nothing.score == 0


@pytest.mark.slow_on("jax")
def test_a_prefix_begins_the_translation(model):
    plain = translate(model, GERMAN[0], num_beams=2, max_new_tokens=7)[0]
    found = translate(model, GERMAN[:2], prefix="The man", num_beams=2)
    assert all(text.startswith("The man") for text in found)
    assert not plain.startswith("The man")
    prefixes = ["A cat", None]
    one, other = translate(
        model, [GERMAN[0]] * 2, prefix=prefixes, num_beams=2, max_new_tokens=7
    )
    assert one.startswith("A cat")
    assert other == plain
    greedy = translate(model, GERMAN[0], prefix="No", num_beams=1, max_new_tokens=7)
    assert greedy[0].startswith("No")
    for prefixes in (["A cat"], ["A cat"] * 3):
        with pytest.raises(InputError, match=f"{len(prefixes)} prefixes for 2 texts"):
            translate(model, GERMAN[:2], prefix=prefixes)
    with pytest.raises(InputError, match="1 prefixes for 2 texts"):
        list(iter_translations(model, iter(GERMAN[:2]), prefix=["A cat"]))


def test_a_sampler_draws_the_same_text_again(model):
    options = {"sampler": TopP(0.9, seed=4), "max_new_tokens": 9}
    first = translate(model, GERMAN[:2], **options)
    assert first == translate(model, GERMAN[:2], **options)
    other = {**options, "sampler": TopP(0.9, seed=5)}
    assert first != translate(model, GERMAN[:2], **other)


def test_limits_by_number_and_by_ratio(model):
    (row,) = iter_translations(model, GERMAN[:1], num_beams=2, max_new_tokens=3)
    assert len(row[0].token_ids) <= 3
    size = len(model.tokenizer.encode_source(GERMAN[:1]).ids[0])
    (row,) = iter_translations(model, GERMAN[:1], num_beams=2, max_ratio=0.5)
    assert len(row[0].token_ids) <= size // 2


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    "options",
    [{"num_beams": 1}, {"num_beams": 2}, {"sampler": Greedy()}],
    ids=["greedy", "beams", "sampler"],
)
def test_a_long_prefix_takes_no_room_from_other_texts(model, options):
    prefixes = ["A cat sleeps on the", None, "No"]
    (size,) = map(len, model.tokenizer.encode_target(prefixes[:1]).ids)
    alone = [
        next(iter_translations(model, [text], prefix=prefix, **options))[0].token_ids
        for text, prefix in zip(GERMAN[:3], prefixes, strict=True)
    ]
    assert max(map(len, alone[1:])) > 37 - size
    together = iter_translations(model, GERMAN[:3], prefix=prefixes, **options)
    for (found,), expected in zip(together, alone, strict=True):
        assert found.token_ids.tolist() == expected.tolist()


def test_no_ratio_is_too_great(model):
    (found,) = translate(model, GERMAN[:1], num_beams=1, max_ratio=float("inf"))
    assert [found] == translate(model, GERMAN[:1], num_beams=1)


def test_an_end_that_the_other_side_has_no_row_for():
    source = SentencePieceTokenizer.train(ENGLISH * 9, 43)
    target = SentencePieceTokenizer.train(GERMAN * 9, 47)
    pieces = [piece for piece in target.vocabulary if piece != "</s>"]
    target = SentencePieceTokenizer(target.model, vocabulary=[*pieces, "</s>"])
    assert target.end_id >= source.vocabulary_size
    model = small_translator(
        vocabulary_size=target.vocabulary_size,
        source_vocabulary_size=source.vocabulary_size,
        pad_id=target.pad_id,
        end_id=target.end_id,
        tokenizer=TranslationTokenizer(source, target),
    )
    found = translate(
        model, ENGLISH[:3], num_beams=2, max_new_tokens=3
    )  # one filled up
    assert len(found) == 3


def test_a_text_may_fill_every_position(model):
    text = "Der Mann. " * 20
    words = text.split()
    for count in range(len(words), 0, -1):
        text = " ".join(words[:count])
        if len(model.tokenizer.encode_source([text]).ids[0]) <= 37:
            break
    assert 32 < len(model.tokenizer.encode_source([text]).ids[0]) <= 37
    assert len(translate(model, text, num_beams=2, max_new_tokens=2)) == 1


def test_a_long_text_is_refused_or_split(model):
    text = "Ein Hund läuft. Eine Katze schläft auf dem Dach. " * 3
    with pytest.raises(InputError, match=r"text 1 with \d+ tokens.*split_sentences"):
        translate(model, ["Nein!", text])
    options = {"num_beams": 2, "max_new_tokens": 9}
    (found,) = translate(model, text, split_sentences=True, **options)
    parts = translate(model, GERMAN[:2], **options)
    assert found == " ".join(parts * 3)
    with pytest.raises(InputError, match="text 0 with"):
        translate(model, text.replace(".", ""), split_sentences=True)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"num_beams": 0}, "num_beams=0"),
        ({"num_beams": 2, "num_results": 3}, "num_results=3"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"max_ratio": 0}, "max_ratio=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"early_finish": "maybe"}, "early_finish='maybe'"),
        ({"early_finish": "maybe", "num_beams": 1}, "early_finish='maybe'"),
        ({"prefix": "Ein Hund " * 30}, "leaves room"),
        ({"num_beams": 2, "num_results": 2, "split_sentences": True}, "one by one"),
        ({"sampler": TopP(0.5), "num_results": 2}, "one translation of each"),
        ({"sampler": TopP(0.5), "no_repeat_ngram": 2}, "no_repeat_ngram=2 with"),
    ],
)
def test_bad_options(model, options, match):
    with pytest.raises(InputError, match=match):
        translate(model, GERMAN[0], **options)


def test_a_model_without_a_tokenizer():
    with pytest.raises(InputError, match="tokenizer"):
        translate(small_translator(), "Ein Hund")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("No end", 1),
        ("One. Two! Three? Four", 4),
        ("Dr. Smith met Mr. No at 3. May.", 1),
        ("He said: „Komm!“ Sie ging.", 2),
        ("z. B. hier. Dort.", 2),
        ("Well... maybe. Yes.", 2),
        ("你好。再见！是吗？好", 4),
        ("A line\nand another\n\nThird.", 3),
        ("3.14 is no end. Nor is e.g. this.", 2),
    ],
)
def test_sentences(text, count):
    parts = split_sentences(text)
    assert len(parts) == count
    assert "".join(parts) == text


@pytest.mark.parametrize(("part", "count"), [("Nr. 3. x ", 1), (".", 1), ("a. b ", 1)])
def test_a_long_text_is_read_once(part, count):
    text = part * 100_000 + "x"  # hours, if each mark read all before it
    parts = split_sentences(text)
    assert len(parts) == count
    assert "".join(parts) == text


def test_sentences_put_together_are_the_text():
    rng = np.random.default_rng(0)
    letters = list("aB .!?\n。”…")
    for _ in range(300):
        text = "".join(rng.choice(letters, 17))
        assert "".join(split_sentences(text)) == (text if text.strip() else "")
