"""SentencePiece in both graphs gives the ids and the texts of the host."""

import pytest
from test_tokenizers import graph_forms as forms
from test_tokenizers import sentencepiece_cases as made
from test_tokenizers.adversarial_texts import broken_texts
from test_tokenizers.sentencepiece_forms import (
    assert_both,
    onnx_ids,
    onnx_texts,
    tensorflow_ids,
    tensorflow_texts,
)

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module", params=[*made.KINDS, *made.MARIAN])
def tokenizer(request):
    if request.param in made.KINDS:
        return made.trained(request.param)
    return made.marian(request.getfixturevalue("shared_data"), request.param)


def test_the_hosts_ids(tokenizer):
    texts = [*made.texts(1500, seed=23), *made.unknown_runs(tokenizer.source, 300)]
    is_trained = tokenizer.source.vocabulary_size < 1000
    assert_both(tokenizer, texts, ties=0 if is_trained else 2)


@pytest.mark.parametrize("max_length", [1, 2, 7])
@pytest.mark.parametrize("kind", made.KINDS)
def test_cutting(kind, max_length):
    tokenizer = made.trained(kind)
    texts = made.texts(200, seed=max_length)
    expected = forms.host_rows(tokenizer.source, texts, max_length)
    assert tensorflow_ids(tokenizer, texts, max_length) == expected
    assert onnx_ids(tokenizer, texts, max_length) == expected


def test_bytes_that_are_not_utf8(tokenizer):
    # NumPy's arrays of bytes end at a NUL.
    assert_both(tokenizer, [t for t in broken_texts(300, seed=5) if b"\0" not in t])


def test_decoding(tokenizer):
    rows = made.rows_of_ids(tokenizer.target, 500, seed=9)
    ids = tokenizer.encode_target(made.texts(200, seed=9)).ids
    rows += [row.tolist() for row in ids]
    expected = [tokenizer.decode(row) for row in rows]
    assert tensorflow_texts(tokenizer, rows) == expected
    assert onnx_texts(tokenizer, rows) == expected


@pytest.mark.parametrize("name", made.MODELS)
def test_references_of_the_models(name, shared_data):
    tokenizer = made.model(shared_data, name)
    texts = [case["text"] for case in made.cases(shared_data, name)]
    assert_both(tokenizer, texts, ties=1)
    rows = [case["ids"] for case in made.cases(shared_data, name)]
    expected = [tokenizer.decode(row) for row in rows]
    assert tensorflow_texts(tokenizer, rows) == expected
    assert onnx_texts(tokenizer, rows) == expected


@pytest.mark.parametrize(("folder", "reference"), made.MARIAN.items())
def test_marians_references(folder, reference, shared_data):
    tokenizer = made.marian(shared_data, folder)
    cases = made.cases(shared_data, reference)
    texts = [case["text"] for case in cases]
    expected = [case["ids"] for case in cases]
    assert tensorflow_ids(tokenizer, texts) == expected
    assert onnx_ids(tokenizer, texts) == expected


def test_ties_are_decided_as_on_the_host():
    tokenizer = made.trained("unigram")
    heads = ["", "a", "漢", "Å_", "ab c d", "Hund "]
    tails = ["....", ".....", ". . . .", "enenenen", "ssssss", "......................"]
    assert_both(tokenizer, [head + tail for head in heads for tail in tails])
