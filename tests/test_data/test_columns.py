"""Which columns are found without being named, and which are asked for."""

import pathlib

import pytest

from kzoo.data.columns import choose_columns
from kzoo.data.tables import Table
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def table(rows, names=None):
    return Table(pathlib.Path("a.csv"), names, rows, list(range(1, len(rows) + 1)))


def chosen(rows, **options):
    columns = choose_columns(table(rows), **options)
    return columns.text, columns.pair, columns.label, columns.header


LABELLED = [[f"text {i}", "ab"[i % 2]] for i in range(8)]
THREE = [["3", "title one", "body one"], ["4", "title two", "body two"]]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["id", "rating", "label", "text"], ((3,), (), 2)),
        (["sentence", "label"], ((0,), (), 1)),
        (["Sentiment", "Review"], ((1,), (), 0)),
        (["idx", "sentence1", "sentence2", "label"], ((1,), (2,), 3)),
        (["text", "content", "label"], ((0,), (), 2)),
        (["label", "plot"], ((1,), (), 0)),
        (["text", "stars"], ((0,), (), 1)),
    ],
)
def test_names_in_a_header(header, found):
    row = [str(i) for i in range(len(header))]
    assert chosen([header, row, row]) == (*found, True)


def test_two_columns_without_a_header():
    assert chosen(LABELLED) == ((0,), (), 1, False)
    assert chosen([row[::-1] for row in LABELLED]) == ((1,), (), 0, False)
    assert chosen(LABELLED, text_column=1) == ((0,), (), 1, False)
    assert chosen(LABELLED, label_column="2") == ((0,), (), 1, False)


def test_numbers_and_joined_columns():
    assert chosen(THREE, text_column="2+3", label_column=1) == ((1, 2), (), 0, False)
    rows = [["class", "title", "body"], *THREE]
    found = chosen(rows, text_column="title + body", label_column="class")
    assert found == ((1, 2), (), 0, True)
    assert chosen(rows, text_column="3", label_column=1)[3]
    rows = [["a+b", "class"], ["x", "y"]]
    assert chosen(rows, text_column="a+b") == ((0,), (), 1, True)
    found = chosen(THREE, text_column=2, pair_column=3, label_column=1)
    assert found == ((1,), (2,), 0, False)


def test_a_header_of_unknown_names_is_seen_by_its_label():
    rows = [["weight", "what"], *LABELLED]
    one = table(rows)
    assert choose_columns(one, text_column=1, label_column=2).header
    assert "taken for a header" in one.notes[0]
    assert not chosen(LABELLED, text_column=1, label_column=2)[3]


def test_a_header_can_be_said():
    rows = [["text", "label"], *LABELLED]
    assert not chosen(rows, header=False, text_column=1, label_column=2)[3]
    rows = [["a", "b"], *LABELLED]
    assert chosen(rows, header=True, text_column="a", label_column="b")[3]


def test_without_labels():
    assert chosen([["text", "label"], ["a", "b"]], require_labels=False) == (
        (0,), (), None, True,
    )  # fmt: skip
    assert chosen([["one text"], ["two"]], require_labels=False)[0] == (0,)


def test_what_was_found_is_noted():
    one = table([["label", "text"], ["a", "b"]])
    choose_columns(one)
    assert one.notes == ["a.csv: text from column 'text', label from column 'label'"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (THREE, {}, r"not obvious.*1 \(first cell '3'\).*text and the label.*'2\+3'"),
        ([["text", "body", "note"], ["a", "b", "c"]], {}, "Name the label column"),
        ([["body", "review", "label"], ["a", "b", "c"]], {}, "Name the text column"),
        ([["text", "label"], ["a", "b"]], {"text_column": "txt"}, "1 'text', 2 'la"),
        (THREE, {"text_column": 4, "label_column": 1}, "column='4'.*3 .first cell"),
        (THREE, {"text_column": 0, "label_column": 1}, "column='0'"),
        ([["a", "a"], ["b", "b"]], {}, "not obvious"),
        ([], {}, "at least one row"),
    ],
)
def test_errors(rows, options, message):
    with pytest.raises(InputError, match=message):
        choose_columns(table(rows), **options)
