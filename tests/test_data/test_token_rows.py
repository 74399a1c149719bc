"""Tokenised once, held flat, padded when asked for."""

import numpy as np
import pytest

from kzoo.data import Examples, token_batches_of
from kzoo.data.loading import sample_weights
from kzoo.data.token_batches import TokenBatches, round_up
from kzoo.data.token_rows import tokenize
from kzoo.errors import InputError
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.backend_free

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
TEXTS = ["a b", "a b c d", "", "c", "a a a a a a a"]


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(WORDS)


def test_rows_are_the_tokenizers(tokenizer):
    texts = TEXTS * 300
    done = []
    rows = tokenize(texts, tokenizer, progress=lambda *said: done.append(said))
    assert done == [(1024, 1500), (1500, 1500)]
    assert rows.flat.dtype == "int32"
    for i in (0, 1, 2, 4, 1499):
        row = rows.flat[rows.offsets[i] : rows.offsets[i + 1]]
        assert row.tolist() == tokenizer.encode(texts[i])
    assert rows.flat_segments is None
    assert len(rows) == 1500


def test_long_texts_are_cut_as_the_tokenizer_cuts_and_counted(tokenizer):
    rows = tokenize(TEXTS, tokenizer, max_length=6)
    assert rows.lengths.tolist() == [4, 6, 2, 3, 6]
    for i, text in enumerate(TEXTS):
        row = rows.flat[rows.offsets[i] : rows.offsets[i + 1]]
        assert row.tolist() == tokenizer.encode(text, max_length=6)
    batches = token_batches_of(TEXTS, tokenizer, max_length=6)
    assert batches.notes == (
        "2 of 5 texts fill all 6 tokens allowed; what is longer was cut",
    )
    assert token_batches_of(TEXTS, tokenizer, max_length=10).notes == ()
    assert token_batches_of(TEXTS, tokenizer).notes == ()


def test_padding(tokenizer):
    rows = tokenize(TEXTS, tokenizer)
    inputs = rows.padded(np.array([2, 0]), width=5, pad_id=9)
    cls, sep, a, b = 2, 3, 5, 6
    assert inputs["token_ids"].tolist() == [[cls, sep, 9, 9, 9], [cls, a, b, sep, 9]]
    assert inputs["token_ids"].dtype == "int32"
    assert inputs["padding_mask"].dtype == bool
    assert inputs["padding_mask"].sum(axis=1).tolist() == [2, 4]
    assert "segment_ids" not in inputs


def test_pairs_have_segments(tokenizer):
    rows = tokenize([("a", "b c"), ("a b", "c")], tokenizer)
    inputs = rows.padded(np.array([0, 1]), 7, 0)
    assert inputs["segment_ids"].tolist() == [
        [0, 0, 0, 1, 1, 1, 0],
        [0] * 4 + [1, 1, 0],
    ]
    assert inputs["segment_ids"].dtype == "int32"


@pytest.mark.parametrize(
    ("multiple", "max_length", "widths"),
    [
        (None, None, {8, 16}),
        (None, 6, {6}),
        (4, None, {4, 8, 12}),
        (1, None, {2, 3, 4, 6, 9}),
        (4, 6, {4, 6}),
        (16, 6, {6}),
    ],
)
def test_widths_are_few(tokenizer, multiple, max_length, widths):
    batches = token_batches_of(
        TEXTS,
        tokenizer,
        batch_size=1,
        max_length=max_length,
        length_multiple=multiple,
    )
    assert {t for _, t in batches.shapes()} == widths
    (inputs,) = batches.batch(0, 0)
    assert inputs["token_ids"].shape == batches.shapes()[0]


def test_widths_for_long_texts_are_few():
    widths = [round_up(length) for length in range(1, 2049)]
    assert all(width >= length for length, width in enumerate(widths, 1))
    assert [len(set(widths[:limit])) for limit in (64, 128, 512, 2048)] == [
        8,
        12,
        20,
        28,
    ]
    assert max(w / n for n, w in enumerate(widths, 1) if n > 64) < 1.25


def test_padding_share(tokenizer):
    batches = token_batches_of(TEXTS, tokenizer, batch_size=5, length_multiple=10)
    assert batches.padding_share() == pytest.approx(1 - (4 + 6 + 2 + 3 + 9) / 50)


def test_weights(tokenizer):
    examples = Examples(["a"] * 4, [0, 0, 0, 1], ("x", "y"))
    balanced = sample_weights(examples, "balanced")
    assert balanced.dtype == "float32"
    assert balanced.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
    assert sample_weights(examples, {"y": 5}).tolist() == [1, 1, 1, 5]
    batches = token_batches_of(
        examples, tokenizer, batch_size=4, class_weights={"y": 5}
    )
    _, labels, weights = batches.batch(0, 0)
    assert (weights == np.where(labels == 1, 5, 1)).all()
    # A class that this split has no example of does not change the others.
    lone = Examples(["a"] * 4, [0, 0, 0, 1], ("x", "y", "z"))
    assert sample_weights(lone, "balanced").mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"z": 1.0}, "by label name.*'z'.*Labels: x, y"),
        ({"x": -1.0}, "0 or more"),
        ({"x": float("nan")}, "0 or more"),
        ("equal", "'balanced' or a weight.*'equal'"),
    ],
)
def test_bad_weights(given, message):
    with pytest.raises(InputError, match=message):
        sample_weights(Examples(["a", "b"], [0, 1], ("x", "y")), given)


def test_other_errors(tokenizer):
    with pytest.raises(InputError, match="need labelled examples"):
        token_batches_of(["a"], tokenizer, class_weights="balanced")
    rows = tokenize(["a"], tokenizer)
    with pytest.raises(ValueError, match="length_multiple=0"):
        TokenBatches(rows, None, length_multiple=0)


def test_one_pair_among_texts_gives_all_rows_segments():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    rows = tokenize(["a", ("a", "a a")], tokenizer)
    padded = rows.padded(np.array([0, 1]), 6, 0)
    assert padded["segment_ids"].tolist() == [[0] * 6, [0, 0, 0, 1, 1, 1]]
