"""Every code point, and very many texts, through the graph forms and the host."""

import pytest
from test_tokenizers import sentencepiece_cases as made
from test_tokenizers.adversarial_texts import broken_texts
from test_tokenizers.sentencepiece_forms import (
    assert_both,
    onnx_texts,
    tensorflow_texts,
)

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


@pytest.mark.parametrize("shape", ["{}", "a{}b", ". {} "])
@pytest.mark.parametrize("kind", ["unigram", "bytes"])
def test_every_code_point(kind, shape):
    assert_both(made.trained(kind), [shape.format(chr(code)) for code in CODES])


@pytest.mark.parametrize("kind", made.KINDS)
def test_a_hundred_thousand_texts(kind):
    tokenizer = made.trained(kind)
    assert_both(tokenizer, made.texts(100_000, seed=77))
    assert_both(tokenizer, [t for t in broken_texts(20_000, seed=77) if b"\0" not in t])
    rows = made.rows_of_ids(tokenizer.target, 20_000, seed=77)
    expected = [tokenizer.decode(row) for row in rows]
    assert tensorflow_texts(tokenizer, rows) == expected
    assert onnx_texts(tokenizer, rows) == expected


@pytest.mark.parametrize("name", made.MARIAN)
def test_a_hundred_thousand_texts_of_published_models(name, shared_data):
    tokenizer = made.marian(shared_data, name)
    texts = made.texts(80_000, seed=78)
    texts += made.unknown_runs(tokenizer.source, 20_000, seed=78)
    assert_both(tokenizer, texts, ties=10)


@pytest.mark.parametrize("name", made.MARIAN)
def test_sentences_of_published_models(name, shared_data):
    tokenizer = made.marian(shared_data, name)
    lines = []
    for side in ("de", "en"):
        path = shared_data / "multi30k_de_en" / f"train.{side}"
        lines += path.read_text("utf-8").split("\n")
    assert_both(tokenizer, lines, ties=3)
