"""Perplexity by both protocols against a loop over tokens in NumPy."""

import math

import keras
import numpy as np
import pytest
from support.language_models import Letters, TinyLM, log_softmax, random_stream

from kzoo.data import Corpus, TokenStream, tokenize_corpus
from kzoo.errors import InputError
from kzoo.training import measure_perplexity
from kzoo.training.perplexity import window_plan


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    model = TinyLM()
    model({"token_ids": np.zeros((1, 7), "int32")})
    for variable in model.trainable_variables:
        variable.assign(variable * 5.0)
    return model


def nll(model, tokens, start, target):
    """Return -log p of the token at `target`, read from `start` on."""
    ids = np.asarray(tokens[start:target], "int32")[None]
    inputs = {"token_ids": ids, "padding_mask": np.ones(ids.shape, bool)}
    logits = keras.ops.convert_to_numpy(model(inputs))
    return -log_softmax(logits)[0, -1, int(tokens[target])]


def brute_force(model, stream, length, stride):
    """Score token by token; a token's window is the first that counts it."""
    tokens, scored = stream.tokens, []
    for target in range(1, len(tokens)):
        if stride == length:
            start = (target - 1) // length * length
        else:
            start = 0
            while start + length < target:
                start += stride
            start = min(start, len(tokens) - 1 - length)
            if target <= start + length - stride and start == 0:
                continue
        scored.append(nll(model, tokens, start, target))
    return scored


@pytest.mark.parametrize(
    ("count", "length", "stride"),
    [
        (count, length, stride)
        for count in (2, 7, 8, 9, 31)
        for length, stride in ((7, 7), (5, 5), (7, 3), (5, 1), (7, 6))
        if stride == length or count > length
    ],
)
def test_it_is_that_of_a_loop_over_tokens(model, count, length, stride):
    stream = random_stream(count)
    expected = brute_force(model, stream, length, stride)
    found = measure_perplexity(
        model, stream, sequence_length=length, stride=stride, batch_size=3,
        protocol="disjoint" if stride == length else "sliding", jit_compile=False,
    )  # fmt: skip
    assert found.tokens == len(expected)
    assert found.loss == pytest.approx(np.mean(expected), rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(np.mean(expected)), rel=1e-5)
    assert found.characters == len(expected)  # a token is a character here
    bits = np.sum(expected) / math.log(2)
    assert found.bits_per_character == pytest.approx(bits / len(expected), rel=1e-5)


@pytest.mark.backend_free
@pytest.mark.parametrize("length", [2, 5, 7])
@pytest.mark.parametrize("count", [8, 9, 30, 31, 97])
def test_every_target_counts_once_and_has_its_context(length, count):
    for stride in range(1, length + 1):
        starts, counted = window_plan(count, length, stride)
        targets = [
            start + i + 1
            for start, size in zip(starts, counted, strict=True)
            for i in range(length - size, length)
        ]
        inside = [t for t in targets if t < count]
        assert sorted(set(inside)) == inside
        first = 1 if stride == length else length - stride + 1
        assert inside == list(range(first, count))


@pytest.mark.backend_free
def test_bits_are_those_of_the_characters_that_were_predicted(model):
    """Two letters to a token, documents apart, a split character."""

    class Pairs(Letters):
        table = ("ab", "cd", "\u00e9", "e", "")

        def decode(self, ids):
            return "".join(self.table[i] for i in ids)

        def token_bytes(self, index):
            return self.table[index].encode()

    pairs = Pairs(end_id=None)
    pairs.end_id = 4
    tokens = np.array([0, 1, 2, 4, 3, 0, 4, 1, 1, 3], "uint16")
    documents = np.array([[0, 5, 6], [4, 3, 3], [7, 5, 5]])
    stream = TokenStream(tokens, documents)
    model.tokenizer = pairs
    try:
        disjoint = measure_perplexity(model, stream, jit_compile=False)
        assert (disjoint.tokens, disjoint.characters, disjoint.bytes) == (9, 11, 12)
        options = {"protocol": "sliding", "sequence_length": 5, "jit_compile": False}
        sliding = measure_perplexity(model, stream, stride=1, **options)
        # Counted from token 5 on: "ab", the end, "cdcde".
        assert (sliding.tokens, sliding.characters, sliding.bytes) == (5, 7, 7)
        apart = measure_perplexity(model, stream, segments=True, jit_compile=False)
        # Without "ab", "e" and "cd", which start the documents.
        assert (apart.tokens, apart.characters, apart.bytes) == (7, 8, 9)
    finally:
        model.tokenizer = Letters()


@pytest.mark.backend_free
def test_a_uniform_model_has_the_vocabulary_as_perplexity():
    model = TinyLM()
    model({"token_ids": np.zeros((1, 7), "int32")})
    model.out.set_weights([np.zeros((13, 9)), np.zeros(9)])
    stream = tokenize_corpus(Corpus(("abcdefg" * 5,), "x"), Letters())
    seen = []
    found = measure_perplexity(
        model, stream, jit_compile=False, batch_size=2,
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    assert found.perplexity == pytest.approx(9, rel=1e-5)
    assert found.bits_per_character == pytest.approx(math.log2(9), rel=1e-5)
    assert seen[-1] == (5, 5)


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "strided"}, "protocol='strided'.*disjoint, sliding"),
        ({"sequence_length": 8}, "sequence_length=8, model.max_sequence_length=7"),
        ({"protocol": "sliding", "stride": 0}, "stride=0, sequence_length=7"),
        ({"protocol": "sliding", "stride": 8}, "stride=8"),
        ({"protocol": "sliding"}, "5 tokens of 'tokens', windows of 7"),
    ],
)
def test_what_is_refused(model, options, message):
    with pytest.raises(InputError, match=message):
        measure_perplexity(model, random_stream(5), **options)
