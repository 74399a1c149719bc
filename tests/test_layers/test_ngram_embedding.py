import numpy as np
import pytest
from support import references
from support.arrays import assert_close, randomise, to_numpy, weight
from support.layer_cases import B, D, T
from support.masks import SELF_MASKS

from kzoo.errors import InputError
from kzoo.layers import NgramEmbedding

MOST = 2**21
PRIME = 2_097_143  # the greatest prime of at most 2**21


def buckets(ids, size, num_buckets):
    """Return the layer's buckets: its table's rows say their own numbers."""
    layer = NgramEmbedding((size,), num_buckets=num_buckets, hidden_dim=1)
    layer.build(ids.shape)
    rows = 1 + np.arange(num_buckets, dtype="float32")[:, None]
    layer.set_weights([rows])
    return to_numpy(layer(ids))[..., 0].astype("int64") - 1  # -1: no n-gram


@pytest.mark.parametrize("num_buckets", [1, 2, 101, 65_536, PRIME, MOST])
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("greatest", [50, 200_000, 2**31 - 1])
def test_the_hash_against_whole_numbers_of_any_size(greatest, size, num_buckets):
    rng = np.random.default_rng([size, num_buckets])
    ids = rng.integers(0, greatest, (3, 13), "int32")
    ids[0, 3:9] = greatest  # the worst case many times over
    found = buckets(ids, size, num_buckets)
    for row, token_ids in enumerate(ids):
        for t in range(13):
            expected = -1
            if t >= size - 1:
                ngram = token_ids[t - size + 1 : t + 1]
                expected = references.ngram_bucket(ngram, num_buckets)
            assert found[row, t] == expected, (row, t)


def test_the_greatest_hash_stays_inside_int32():
    """The greatest hash, times the factor, plus the greatest id."""
    assert (MOST - 1) * 1021 + (MOST - 1) < 2**31


@pytest.mark.parametrize("name", ["right padding", "left padding"])
@pytest.mark.parametrize("ngram_dim", [None, 5])
def test_against_numpy_with_padding(name, ngram_dim):
    mask = SELF_MASKS[name][0]["padding_mask"]
    layer = NgramEmbedding((2, 4), num_buckets=37, hidden_dim=D, ngram_dim=ngram_dim)
    ids = np.random.default_rng(2).integers(0, 99, (B, T), "int32")
    layer.build(ids.shape)
    randomise(layer)
    expected = np.zeros((B, T, ngram_dim or D))
    for size in (2, 4):
        table = weight(layer, f"table_{size}")
        for b in range(B):
            for t in range(size - 1, T):
                span = slice(t - size + 1, t + 1)
                if mask[b, span].all():
                    bucket = references.ngram_bucket(ids[b, span], 37)
                    expected[b, t] += table[bucket]
    if ngram_dim:
        expected = expected @ weight(layer, "projection/kernel")
    assert_close(layer(ids, padding_mask=mask), expected)
    assert_close(layer(ids, padding_mask=mask.astype("int32")), expected)


def test_what_stands_in_the_padding_does_not_count():
    mask = np.arange(T)[None] < 4
    layer = NgramEmbedding((2, 3), num_buckets=37, hidden_dim=D)
    ids = np.random.default_rng(2).integers(0, 99, (1, T), "int32")
    other = np.where(mask, ids, 7)
    assert_close(layer(ids, padding_mask=mask), layer(other, padding_mask=mask), 0)
    assert_close(to_numpy(layer(ids, padding_mask=mask))[:, 4:], np.zeros((1, 3, D)), 0)


def test_a_sequence_shorter_than_the_ngram_gives_zeros():
    layer = NgramEmbedding((3,), num_buckets=37, hidden_dim=D)
    assert_close(layer(np.array([[5, 6]])), np.zeros((1, 2, D)), 0)


def test_lengths_have_tables_of_their_own():
    layer = NgramEmbedding((2, 3), num_buckets=37, hidden_dim=D)
    layer.build((None, None))
    assert not np.array_equal(weight(layer, "table_2"), weight(layer, "table_3"))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sizes": ()}, r"2 tokens or more.*sizes=\(\)"),
        ({"sizes": (1, 2)}, r"2 tokens or more.*sizes=\(1, 2\)"),
        ({"sizes": (2, 2)}, r"each length comes once.*sizes=\(2, 2\)"),
        ({"num_buckets": 0}, "1 or more.*num_buckets=0"),
        ({"num_buckets": MOST + 1}, "inside int32.*num_buckets=2097153.*2097152"),
        ({"hidden_dim": 0}, "1 or more.*hidden_dim=0"),
        ({"ngram_dim": 0}, "1 or more.*ngram_dim=0"),
    ],
)
def test_bad_arguments_are_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        NgramEmbedding(**{"sizes": (2,), "num_buckets": 9, "hidden_dim": D, **kwargs})
