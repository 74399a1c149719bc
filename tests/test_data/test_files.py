"""Files and folders read as splits, and what is wrong with them."""

import gzip
import json

import numpy as np
import pytest

from kzoo.data import available_splits, read
from kzoo.data.splits import cut, split_in_name
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def rows(count, start=0):
    return [(f"text {i}", "ab"[i % 2]) for i in range(start, start + count)]


def write(path, pairs, header="text,label\n"):
    content = header + "".join(f"{text},{label}\n" for text, label in pairs)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("test.csv.gz", "test"),
        ("glue_dev.tsv", "validation"),
        ("x_train.tsv", "train"),
        ("stsa.binary.test", "test"),
        ("Eval-2.csv", "validation"),
        ("reviews.csv", None),
        ("latest.csv", None),
        ("train_test.csv", None),
    ],
)
def test_split_in_name(name, split):
    assert split_in_name(name) == split


def test_a_cut_parts_all_rows_by_hash():
    parts = cut(10_000, {"validation": 0.1, "test": 0.2})
    joined = np.sort(np.concatenate(list(parts.values())))
    assert joined.tolist() == list(range(10_000))
    assert abs(len(parts["validation"]) - 1000) < 100
    assert abs(len(parts["test"]) - 2000) < 150
    # Sorted by label or not, each half gives its share.
    assert abs((parts["validation"] < 5000).sum() - 500) < 75
    # The rows that are cut do not depend on how many follow.
    fewer = cut(5000, {"validation": 0.1, "test": 0.2})
    assert fewer["test"].tolist() == [i for i in parts["test"] if i < 5000]


def test_a_single_file_is_cut(tmp_path):
    path = write(tmp_path / "reviews.csv", rows(1000))
    parts = {split: read(path, split) for split in ("train", "validation", "test")}
    texts = [set(examples.texts) for examples in parts.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 1000
    assert 60 < len(texts[1]) < 140
    assert "no validation split is stored" in parts["validation"].notes[-1]
    assert "10% for validation and 10% for test were kept" in parts["train"].notes[-1]
    assert all(e.label_names == ("a", "b") for e in parts.values())
    assert len(read(path, "all")) == 1000
    assert len(read(path, "train", validation_share=0, test_share=0)) == 1000
    assert available_splits(path) == {
        "train": "rest",
        "validation": "cut",
        "test": "cut",
    }


@pytest.mark.parametrize("name", ["x_train.csv", "test.csv.gz", "dev.csv"])
def test_a_file_named_after_a_split_is_that_split(tmp_path, name):
    path = write(tmp_path / name, rows(40))
    split = split_in_name(name)
    assert len(read(path, split)) == len(read(path, "all")) == 40
    assert available_splits(path) == {split: "stored"}
    other = "test" if split != "test" else "train"
    with pytest.raises(InputError, match=f"split='{other}'.*which has {split}"):
        read(path, other)


def test_a_training_file_is_cut_when_asked(tmp_path):
    path = write(tmp_path / "train.csv", rows(100))
    with pytest.raises(InputError, match="--validation-share 0.1"):
        read(path, "validation")
    kept = read(path, "train", validation_share=0.3)
    held = read(path, "validation", validation_share=0.3)
    assert len(kept) + len(held) == 100
    assert len(held) > 15


def test_a_folder_holds_splits(tmp_path):
    write(tmp_path / "train.csv.gz", rows(200))
    write(tmp_path / "train_small.csv", rows(3))
    write(tmp_path / "test.tsv", [], "text\tlabel\nnew\tb\n")
    (tmp_path / "notes.txt").write_text("nothing")
    assert read(tmp_path, "test").labels.tolist() == [1]
    train, held = read(tmp_path, "train"), read(tmp_path, "validation")
    assert len(train) + len(held) == 200
    assert len(read(tmp_path, "train", validation_share=0)) == 200
    assert len(read(tmp_path, "all")) == 201


def test_a_folder_of_other_files_by_format(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"stsa.{split}").write_text("1 fine\n0 dull\n")
    found = available_splits(tmp_path, format="label-text")
    assert found == dict.fromkeys(("train", "validation", "test"), "stored")
    assert read(tmp_path, "test", format="label-text").texts == ["fine", "dull"]
    with pytest.raises(InputError, match="folder holds train.csv"):
        read(tmp_path, "test")


def test_pairs_and_json_labels(tmp_path):
    path = tmp_path / "train.jsonl"
    records = [
        {"premise": "p", "hypothesis": "h", "label": 10},
        {"premise": "q", "hypothesis": "i", "label": 9},
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    examples = read(path, "train")
    assert examples.texts == [("p", "h"), ("q", "i")]
    assert examples.label_names == ("9", "10")
    assert examples.labels.tolist() == [1, 0]


def test_known_labels_fix_the_order(tmp_path):
    path = write(tmp_path / "test.csv", [("x", "b"), ("y", "b")])
    examples = read(path, "test", label_names=["c", "b", "a"])
    assert examples.labels.tolist() == [1, 1]
    assert examples.label_names == ("c", "b", "a")
    path = write(tmp_path / "valid.csv", [("x", "1"), ("y", "0")])
    examples = read(path, "validation", label_names=["no", "yes"])
    assert examples.labels.tolist() == [1, 0]
    assert "positions, from 0" in examples.notes[-1]


def test_empty_texts(tmp_path):
    path = write(tmp_path / "train.csv", [("x", "a"), (" ", "b"), ("y", "b")])
    with pytest.raises(InputError, match="line 3 of .* without one.*--empty-text drop"):
        read(path, "train")
    assert read(path, "train", empty_text="keep").texts == ["x", " ", "y"]
    dropped = read(path, "train", empty_text="drop")
    assert dropped.texts == ["x", "y"]
    assert dropped.labels.tolist() == [0, 1]
    assert "1 rows without text dropped" in dropped.notes[-1]


def test_without_labels(tmp_path):
    path = write(tmp_path / "test.csv", [("x", "a")])
    assert read(path, "test", require_labels=False).labels is None
    assert read(path, "test", require_labels=False, text_column=1).labels is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\nx,a\ny,\nz\n", "line 4 of .* with 1 columns, the first row with"),
        ("text,label\nx,a\ny,\n,\nz, \n", "lines 3, 4, 5 of .* without one.*Fill in"),
        ("text,label\nx,a\ny,a\n", "only the label 'a' in 2 rows"),
        ("text,label\n", "at least one example"),
        ("", "at least one row"),
        ("text,body\nx,a\n", "Name the label column"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "train.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read(path, "train")


def test_many_bad_rows_are_counted(tmp_path):
    path = write(tmp_path / "train.csv", [("x", "a"), *[("y", "")] * 8])
    with pytest.raises(InputError, match="lines 3, 4, 5, 6, 7 and 3 more"):
        read(path, "train")


def test_bad_json_cells(tmp_path):
    path = tmp_path / "train.jsonl"
    for text in ("null", "3", "[1]"):
        path.write_text(
            f'{{"text": "x", "label": "a"}}\n{{"text": {text}, "label": "b"}}'
        )
        with pytest.raises(InputError, match="line 2 of .* without text in column 'te"):
            read(path, "train")
    path.write_text('{"text": "x", "label": "a"}\n{"text": "y"}')
    with pytest.raises(InputError, match="Every example has a label.*line 2"):
        read(path, "train")


def test_a_label_unseen_in_training(tmp_path):
    write(tmp_path / "train.csv", rows(4))
    path = write(tmp_path / "test.csv", [("x", "a"), ("y", "c")])
    with pytest.raises(InputError, match=r"test.csv with label 'c' \(line 3\).*a, b"):
        read(tmp_path, "test", validation_share=0)
    with pytest.raises(InputError, match="Known labels: a, b"):
        read(path, "test", label_names=("a", "b"))


def test_bad_specs(tmp_path):
    with pytest.raises(InputError, match="file or folder that exists.*none.csv"):
        read(tmp_path / "none.csv", "train")
    with pytest.raises(InputError, match="demo:poems.*demo:reviews"):
        read("demo:poems", "train")
    with pytest.raises(InputError, match="No such split.*'dev'.*validation"):
        read("demo:reviews", "dev")
    write(tmp_path / "a_train.csv", rows(2))
    write(tmp_path / "b_train.csv", rows(2))
    with pytest.raises(InputError, match="one file per split.*'a_train.csv', 'b_train"):
        read(tmp_path, "train")
    (tmp_path / "dataset_info.json").write_text("{}")
    with pytest.raises(InputError, match="read as tfds:FOLDER"):
        read(tmp_path, "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"empty_text": "ignore"}, "way to take empty text.*error, drop, keep"),
        ({"validation_share": 0.6, "test_share": 0.4}, "leave something to train on"),
        ({"test_share": -0.1}, "Shares are 0 or more"),
        ({"size": 0}, "one example or more.*size=0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        read("demo:reviews", "train", **options)


@pytest.mark.parametrize(
    ("name", "split", "options", "count", "labels"),
    [
        ("imdb", "test", {}, 25_000, ("0", "1")),
        ("imdb/train.csv.gz", "train", {}, 25_000, ("0", "1")),
        ("sst2/glue_dev.tsv", "validation", {}, 872, ("0", "1")),
        ("sst2", "test", {"format": "label-text"}, 1821, ("0", "1")),
        (
            "ag_news/train_10k_description.tsv",
            "train",
            {},
            10_001,
            ("Business", "Sci/Tech", "Sports", "World"),
        ),
        (
            "ag_news/test.csv",
            "test",
            {"text_column": "2+3", "label_column": 1},
            7600,
            ("1", "2", "3", "4"),
        ),
        ("ag_news/train_title_description.csv", "train", {}, 10_648, tuple("1234")),
    ],
)
def test_real_files(shared_data, name, split, options, count, labels):
    examples = read(shared_data / name, split, **options)
    assert len(examples) == count
    assert examples.label_names == labels
    assert not any("\n" == text for text in examples.texts)


def test_a_real_file_that_is_not_obvious(shared_data):
    with pytest.raises(InputError, match=r"columns 1 \(first cell '3'\).*'2\+3' joins"):
        read(shared_data / "ag_news" / "test.csv", "test")


def test_imdb_is_cut_from_both_ends(shared_data):
    held = read(shared_data / "imdb", "validation")
    assert min(held.label_counts.values()) > 1100


def test_the_test_cut_does_not_depend_on_the_validation_share():
    from kzoo.data.splits import cut

    both = cut(1000, {"validation": 0.1, "test": 0.1})
    for share in (0.0, 0.3):
        other = cut(1000, {"validation": share, "test": 0.1})
        assert other["test"].tolist() == both["test"].tolist()
        assert not set(other["train"]) & set(both["test"])
    rows = np.concatenate(list(both.values()))
    assert sorted(rows.tolist()) == list(range(1000))
