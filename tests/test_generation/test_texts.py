import numpy as np
import pytest
from support.small_gpt2 import greedy_text, lettered_gpt2

from kzoo.errors import InputError
from kzoo.generation import BeamSearch, Speculative, TextStream, TopK
from kzoo.tokenizers import ByteBPETokenizer

PROMPTS = ["the cat", "é", "a long one, and then some more"]


@pytest.fixture(scope="module")
def model(lettered):
    return lettered


def greedy(model, prompt, count):
    tokenizer = model.tokenizer
    return tokenizer.decode(greedy_text(model, tokenizer.encode(prompt), count))


def test_completions_are_the_new_text(model):
    found = model.generate(PROMPTS, max_new_tokens=15)
    assert found == [greedy(model, prompt, 15) for prompt in PROMPTS]
    assert model.generate(PROMPTS[0], max_new_tokens=15) == found[:1]


def test_batches_do_not_matter(model):
    together = model.generate(PROMPTS, max_new_tokens=7)
    assert model.generate(PROMPTS, max_new_tokens=7, batch_size=2) == together


def test_the_stream_is_the_completion_in_pieces(model):
    found = model.generate(PROMPTS, max_new_tokens=9)
    pieces = list(model.generate(PROMPTS, max_new_tokens=9, stream=True))
    joined = ["", "", ""]
    for index, text in pieces:
        joined[index] += text
    assert joined == found
    assert len(pieces) > len(PROMPTS)


def test_stop_strings_end_a_completion(model):
    whole = greedy(model, PROMPTS[0], 20)
    stop = whole[6:9]
    for stops in (stop, [stop], ["never there", stop]):
        (found,) = model.generate(PROMPTS[:1], max_new_tokens=20, stop=stops)
        assert found == whole[: whole.index(stop)]


def test_a_stop_id_and_by_default_the_end_token_end_a_completion(model, monkeypatch):
    whole = greedy(model, PROMPTS[0], 12)
    end = model.tokenizer.token_to_id(whole[5])
    expected = [whole[: whole.index(whole[5])]]
    options = {"max_new_tokens": 12}
    assert model.generate(PROMPTS[:1], stop_ids=[end], **options) == expected
    monkeypatch.setattr(type(model.tokenizer), "end_id", property(lambda _: end))
    assert model.generate(PROMPTS[:1], **options) == expected
    assert model.generate(PROMPTS[:1], stop_ids=[], **options) == [whole]


def test_samplers_and_searches(model):
    sampled = model.generate(PROMPTS, max_new_tokens=7, sampler=TopK(3, seed=2))
    assert sampled == model.generate(PROMPTS, max_new_tokens=7, sampler=TopK(3, seed=2))
    assert sampled != model.generate(PROMPTS, max_new_tokens=7)
    beams = model.generate(PROMPTS, max_new_tokens=7, sampler=BeamSearch(2))
    assert [len(text) for text in beams] == [7] * 3
    guessed = model.generate(PROMPTS, max_new_tokens=7, sampler=Speculative(model))
    assert guessed == model.generate(PROMPTS, max_new_tokens=7)


def test_the_end_of_a_long_prompt_is_read(model):
    prompt = "abc " * 40
    with pytest.raises(InputError, match="context together.*160 tokens"):
        model.generate(prompt, max_new_tokens=9)
    (found,) = model.generate(prompt, max_new_tokens=9, truncate="left")
    (expected,) = model.generate(prompt[-(61 - 9) :], max_new_tokens=9)
    assert found == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": ["a", ""]}, "one character or more"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"sampler": "best"}, "best"),
        ({"sampler": BeamSearch(2), "stream": True}, "whole texts.*stream=True"),
        ({"repetition_penalty": -1.0}, "repetition_penalty=-1.0"),
    ],
)
def test_options_that_cannot_be(options, message, model):
    with pytest.raises(InputError, match=message):
        model.generate("abc", **options)


def test_an_empty_prompt_and_a_foreign_letter(model):
    with pytest.raises(InputError, match="at least one token"):
        model.generate("")
    with pytest.raises(InputError, match="ß"):
        model.generate("ß")


def test_a_model_without_a_tokenizer(model):
    bare = lettered_gpt2()
    bare.tokenizer = None
    with pytest.raises(InputError, match="model.tokenizer=None"):
        bare.generate("abc")


@pytest.fixture(scope="module")
def bpe():
    return ByteBPETokenizer.train(
        ["some text, naïve 日本語 🙂"] * 3, vocabulary_size=300
    )


@pytest.mark.parametrize("text", ["naïve", "日本語 text", "🙂🙂", "plain", ""])
@pytest.mark.backend_free
def test_pieces_hold_whole_characters(text, bpe):
    stream = TextStream(bpe)
    pieces = [stream.feed(index) for index in bpe.encode(text)]
    assert "".join(pieces) + stream.finish() == text
    assert not any("�" in piece for piece in pieces)


@pytest.mark.backend_free
def test_a_character_cut_short_is_replaced_at_the_end(bpe):
    ids = [bpe.encode("a"), bpe.encode("🙂")]
    stream = TextStream(bpe)
    half = [*ids[0], bpe.token_to_id("ð")]
    assert [stream.feed(index) for index in half] == ["a", ""]
    assert stream.finish() == "�"


@pytest.mark.backend_free
def test_special_tokens_are_not_text(bpe):
    stream = TextStream(bpe)
    ids = [*bpe.encode("some"), bpe.end_id, *bpe.encode("text")]
    assert "".join(map(stream.feed, ids)) == "sometext"


@pytest.mark.backend_free
def test_stop_strings_over_several_tokens(bpe):
    rng = np.random.default_rng(3)
    for _ in range(200):
        text = "".join(rng.choice(list("ab\n"), 12))
        stop = "".join(rng.choice(list("ab\n"), rng.integers(1, 4)))
        stream = TextStream(bpe, [stop])
        shown = "".join(stream.feed(index) for index in bpe.encode(text))
        shown += stream.finish()
        assert shown == text.split(stop)[0]
        assert stream.stopped == (stop in text)
