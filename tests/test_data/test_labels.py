"""From written labels to positions."""

import pytest

from kzoo.data.labels import encode_labels, require_two_labels, sort_names
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def test_integers_sort_by_value_and_names_as_text():
    assert sort_names(["10", "9", "-1"]) == ("-1", "9", "10")
    assert sort_names(["10", "9", "x"]) == ("10", "9", "x")


@pytest.mark.parametrize(
    ("raw", "names", "labels", "note"),
    [
        (["b", "a", "b"], None, [1, 0, 1], None),
        (["b", "a", "b"], ["b", "a"], [0, 1, 0], None),
        (["Positive"], ["NEGATIVE", "POSITIVE"], [1], "ignoring case"),
        (["1", "0"], ["negative", "positive"], [1, 0], "from 0"),
        (["1", "2", "4"], ["World", "Sports", "Business", "Tech"], [0, 1, 3], "from 1"),
        (["1", "0"], ["1", "0"], [0, 1], None),
    ],
)
def test_matching(raw, names, labels, note):
    found, found_names, said = encode_labels(raw, names)
    assert found.tolist() == labels
    assert found.dtype == "int32"
    assert said is None if note is None else note in said
    if names is not None:
        assert found_names == tuple(names)


@pytest.mark.parametrize(
    ("raw", "names", "message"),
    [
        (["a", "c", "c"], ["a", "b"], r"f.csv with label 'c' \(line 5, 6\).*s: a, b\."),
        (["2", "3"], ["w", "x", "y", "z"], "label '2', '3'"),
        (["5", "0"], ["w", "x"], "label '0', '5'"),
        (["a"], ["x", "x"], "distinct"),
    ],
)
def test_unseen_labels(raw, names, message):
    with pytest.raises(InputError, match=message):
        encode_labels(raw, names, where="f.csv", lines=[4, 5, 6])


def test_two_labels():
    require_two_labels(["a", "b"], "f.csv")
    with pytest.raises(InputError, match="only the label 'a' in 2 rows of f.csv"):
        require_two_labels(["a", "a"], "f.csv")
