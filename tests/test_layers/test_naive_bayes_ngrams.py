import math

import numpy as np
import pytest
from support import references
from support.arrays import to_numpy

from kzoo.errors import InputError
from kzoo.layers import NaiveBayesNgrams
from kzoo.layers.ngram_hashing import document_buckets

BUCKETS = 10_007
TEXTS = [[5, 6, 7], [5, 6], [8, 6], [8, 9, 5], [5, 6, 6], [9, 9]]
LABELS = [0, 0, 1, 1, 2, 2]


def ngrams(ids, sizes):
    """Return a text's n-grams, one by one."""
    return [tuple(ids[i : i + n]) for n in sizes for i in range(len(ids) - n + 1)]


def expected_ratio(ngram, label, shrinkage):
    """Return r by the formula, from the texts."""
    inside = [t for t, c in zip(TEXTS, LABELS, strict=True) if c == label]
    outside = [t for t, c in zip(TEXTS, LABELS, strict=True) if c != label]

    def count(texts):
        return sum(ngram in ngrams(text, (len(ngram),)) for text in texts)

    total = count(TEXTS)
    if total < 2:
        return 0.0
    p = (count(inside) + 1) / (len(inside) + 2)
    q = (count(outside) + 1) / (len(outside) + 2)
    return math.log(p / q) * math.sqrt(total / (total + shrinkage))


@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
@pytest.mark.parametrize("sizes", [(1,), (1, 2), (2, 3)])
def test_ratio_and_logits_against_the_formula(sizes, shrinkage):
    bag = NaiveBayesNgrams(3, sizes, num_buckets=BUCKETS, shrinkage=shrinkage)
    bag.adapt(TEXTS, LABELS)
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(BUCKETS, 1)).astype("float32")
    bag.evidence.assign(evidence)
    ids, mask = np.array([[5, 6, 7, 5], [8, 6, 1, 1]]), np.ones((2, 4), bool)
    mask[1, 2:] = False
    got = to_numpy(bag(ids, padding_mask=mask))
    for row, real in zip(got, (ids[0], ids[1, :2]), strict=True):
        for label in range(3):
            expected = 0.5 * sum(
                evidence[references.ngram_bucket(ngram, BUCKETS), 0]
                * expected_ratio(ngram, label, shrinkage)
                for ngram in ngrams(real.tolist(), sizes)
            )
            assert row[label] == pytest.approx(expected, abs=1e-5)


def test_padding_on_either_side_is_alike():
    bag = NaiveBayesNgrams(3, (1, 2, 3), num_buckets=BUCKETS)
    bag.adapt(TEXTS, LABELS)
    bag.evidence.assign(np.ones((BUCKETS, 1)))
    right = bag(np.array([[5, 6, 0, 0]]), np.array([[True, True, False, False]]))
    left = bag(np.array([[0, 0, 5, 6]]), np.array([[False, False, True, True]]))
    alone = bag(np.array([[5, 6]]))
    np.testing.assert_allclose(to_numpy(right), to_numpy(alone), atol=1e-6)
    np.testing.assert_allclose(to_numpy(left), to_numpy(alone), atol=1e-6)


def test_says_nothing_before_adapt():
    bag = NaiveBayesNgrams(3, (1, 2), num_buckets=BUCKETS)
    assert not to_numpy(bag(np.array(TEXTS[:1]))).any()
    assert not bag.adapted
    bag.adapt(TEXTS, LABELS)
    assert bag.adapted


def test_document_buckets_are_the_whole_numbers():
    ids = np.random.default_rng(0).integers(0, 2**31 - 1, 50)
    expected = {
        references.ngram_bucket(ngram, 2**21) for ngram in ngrams(ids.tolist(), (1, 3))
    }
    assert document_buckets(ids, (1, 3), 2**21).tolist() == sorted(expected)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"sizes": ()}, "1 tokens or more"),
        ({"sizes": (0, 1)}, "1 tokens or more"),
        ({"sizes": (1, 1)}, "each length comes once"),
        ({"num_buckets": 2**21 + 1}, "inside int32"),
        ({"num_classes": 0}, "1 or more"),
        ({"min_count": 0}, "1 or more"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(InputError, match=message):
        NaiveBayesNgrams(
            **{"num_classes": 2, "sizes": (1,), "num_buckets": 9, **kwargs}
        )
