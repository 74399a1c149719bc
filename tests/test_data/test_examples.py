"""Examples: counts, subsets, fingerprints."""

import dataclasses

import numpy as np
import pytest

from kzoo.data import Examples

pytestmark = pytest.mark.backend_free


def make():
    return Examples(["fine", "dull", "so-so"], [1, 0, 0], ("bad", "good"), ("note",))


def test_counts_and_subset():
    examples = make()
    assert examples.label_counts == {"bad": 2, "good": 1}
    assert examples.labels.dtype == "int32"
    part = examples.subset([2, 0])
    assert part.texts == ["so-so", "fine"]
    assert part.labels.tolist() == [0, 1]
    assert part.label_names == examples.label_names


def test_pairs_and_missing_labels():
    examples = Examples([("a", "b")], None, ())
    assert examples.has_pairs
    assert examples.label_counts == {}
    assert not make().has_pairs
    assert not Examples([], None, ()).has_pairs


def test_fingerprint_changes_with_content_only():
    base = make().fingerprint()
    assert dataclasses.replace(make(), notes=()).fingerprint() == base
    changed = [
        dataclasses.replace(make(), texts=["fine", "dull", "so-s"]),
        dataclasses.replace(make(), texts=["fined", "ull", "so-so"]),
        dataclasses.replace(make(), labels=[1, 1, 0]),
        dataclasses.replace(make(), label_names=("bad", "gut")),
        make().subset([1, 0, 2]),
    ]
    prints = {examples.fingerprint() for examples in changed}
    assert len(prints) == len(changed)
    assert base not in prints


def test_fingerprint_takes_any_text():
    texts = [b"\xff\xfe", "\ud800", ("a", "b")]
    assert len(Examples(texts, None, ()).fingerprint()) == 64


def test_labels_must_fit_texts():
    with pytest.raises(ValueError, match=r"one label.*labels.shape=\(2,\)"):
        Examples(["a"], np.array([0, 1]), ("x", "y"))
