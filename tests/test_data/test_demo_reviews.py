"""The review grammar: balanced, parted by matter, beyond a bag of words."""

import collections
import re

import numpy as np
import pytest

from kzoo.data import available_splits, read
from kzoo.data.demo_reviews import review
from kzoo.data.demo_words import ADJECTIVES, DEEDS, FEELINGS

pytestmark = pytest.mark.backend_free

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def splits():
    return {split: read("demo:reviews", split) for split in SPLITS}


def words(text):
    return re.findall(r"[a-z]+|[^a-z\s]", text.lower())


def test_any_review_is_the_same_whatever_was_read_before(splits):
    for split in SPLITS:
        for index in (517, 3, 99):
            text, label = review(split, index)
            assert splits[split].texts[index] == text
            assert splits[split].labels[index] == label
    few = read("demo:reviews", "train", size=10)
    assert few.texts == splits["train"].texts[:10]
    assert available_splits("demo:reviews") == dict.fromkeys(SPLITS, "stored")


def test_no_text_is_in_two_splits(splits):
    texts = [set(examples.texts) for examples in splits.values()]
    assert sum(map(len, texts)) == len(set.union(*texts))
    assert all(len(t) > 0.97 * len(e) for t, e in zip(texts, splits.values()))  # noqa: B905


def test_labels_and_sizes(splits):
    for examples in splits.values():
        assert examples.label_names == ("negative", "positive")
        assert len(set(examples.label_counts.values())) == 1
    lengths = [len(text.split()) for text in splits["train"].texts]
    assert min(lengths) >= 5
    assert max(lengths) <= 40
    texts = [text for examples in splits.values() for text in examples.texts]
    assert 150 < len({word for text in texts for word in words(text)}) < 400


def test_words_without_a_side_occur_equally_in_both_classes(splits):
    examples = splits["train"]
    counts = (collections.Counter(), collections.Counter())
    for text, label in zip(examples.texts, examples.labels, strict=True):
        counts[label].update(words(text))
    sided = {word for pair in (*ADJECTIVES, *FEELINGS, *DEEDS) for word in pair}
    for word in set(counts[0]) | set(counts[1]):
        if word not in sided:
            assert counts[0][word] == counts[1][word], word
    # Words with a side lean to it, but stand on the other side often.
    for word in sided:
        assert min(counts[0][word], counts[1][word]) > 0.2 * (
            counts[0][word] + counts[1][word]
        ), word


PLAIN = re.compile(
    r"(?:^|\. )(?:I must say: |All in all, )?[Tt]he [a-z ]+ is"
    r"( not| never|) (?:truly )?([a-z]+)\.( I |$)"
)
BUT = re.compile(r"but the [a-z ]+ is (not |never |)(?:truly )?([a-z]+)\.")


def test_labels_follow_the_meaning():
    """Spot checks by rules of thumb that do not share code with the grammar."""
    good = {pair[0] for pair in ADJECTIVES}
    known = good | {pair[1] for pair in ADJECTIVES}
    seen = collections.Counter()
    for index in range(8000):
        text, label = review("train", index)
        alone = not re.search(r"\b(but|yet|and)\b|Still|Also|though|Granted", text)
        plain, but = PLAIN.search(text), BUT.search(text)
        if alone and plain and plain[2] in known:
            assert label == ((plain[2] in good) != bool(plain[1])), text
            seen[bool(plain[1])] += 1
        if but and but[2] in known:
            assert label == ((but[2] in good) != bool(but[1])), text
            seen["but"] += 1
    assert min(seen[True], seen[False], seen["but"]) >= 8, seen


def test_a_bag_of_words_does_not_solve_it(splits):
    vocabulary = sorted({w for text in splits["train"].texts for w in words(text)})
    place = {word: i for i, word in enumerate(vocabulary)}

    def bags(examples):
        bags = np.zeros((len(examples), len(vocabulary) + 1))
        bags[:, -1] = 1.0
        for row, text in zip(bags, examples.texts, strict=True):
            for word in words(text):
                if word in place:
                    row[place[word]] += 1
        return bags

    x, y = bags(splits["train"]), splits["train"].labels
    weights = np.zeros(x.shape[1])
    for _ in range(8):  # logistic regression by Newton's method, slight L2
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (y - p) - weights
        curve = (x * (p * (1 - p))[:, None]).T @ x + np.eye(len(weights))
        weights += np.linalg.solve(curve, slope)
    assert np.linalg.norm(slope) < 1e-3
    accuracy = np.mean((bags(splits["test"]) @ weights > 0) == splits["test"].labels)
    print("bag of words, test accuracy:", accuracy)
    assert accuracy < 0.75
