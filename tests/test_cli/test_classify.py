"""`kzoo classify`: from arguments, files and standard input."""

import gzip
import io
import json
import sys
import threading

import pytest
from support.commands import command, one_line

from kzoo.cli import arriving, classify
from kzoo.models import TextClassifier


class Stdin:
    """Standard input with bytes below it."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


def labels(run, texts):
    answers = TextClassifier.from_preset(run).classify(texts)
    return [(answer.label, f"{answer.score:.4f}") for answer in answers]


def lines(done):
    assert done.status == 0, done.err
    return [tuple(line.split("\t")) for line in done.out.splitlines()]


def test_texts_of_the_command_line(small_run, capfd):
    texts = ["fine film", "", "tab\tand\nbreak"]
    found = lines(command(capfd, "classify", small_run, *texts))
    assert [line[:2] for line in found] == labels(small_run, texts)
    assert [line[2] for line in found] == ["fine film", "", "tab\\tand\\nbreak"]


def test_pairs_and_json(small_run, capfd):
    arguments = ("first", "other", "--pair", "second", "--json")
    done = command(capfd, "classify", small_run, *arguments)
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["text"] for row in rows] == [["first", "second"], ["other", "second"]]
    assert set(rows[0]["scores"]) == {"negative", "positive"}
    found = [(row["label"], f"{row['score']:.4f}") for row in rows]
    assert found == labels(small_run, [("first", "second"), ("other", "second")])


def test_standard_input_with_bytes_that_are_no_utf8(small_run, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin(b"fine film\n\n\xff\xfe bad\r\nlast"))
    found = lines(command(capfd, "classify", small_run))
    texts = ["fine film", "", b"\xff\xfe bad", "last"]
    assert [line[:2] for line in found] == labels(small_run, texts)
    assert [line[2] for line in found] == [
        "fine film", "", "\ufffd\ufffd bad", "last",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        *(
            pytest.param(name, marks=pytest.mark.backend_free)
            for name in ("a.txt.gz", "a.csv", "a.jsonl", "a.tsv")
        ),
    ],
)
def test_files_keep_their_order(name, small_run, tmp_path, capfd):
    # More than one chunk, of very different lengths.
    texts = [f"film {'very ' * (i % 7)}good {i}" for i in range(70)]
    content = {
        "txt": "\n".join(texts),
        "csv": "id,text\n" + "".join(f'{i},"{t}"\n' for i, t in enumerate(texts)),
        "tsv": "text\tnote\n" + "".join(f"{t}\tx\n" for t in texts),
        "jsonl": "".join(json.dumps({"text": t}) + "\n" for t in texts),
    }[name.split(".")[1]].encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    done = command(capfd, "classify", small_run, "--input", path, "--batch-size", 4)
    found = lines(done)
    assert [line[2] for line in found] == texts
    expected = labels(small_run, texts)
    assert [line[0] for line in found] == [label for label, _ in expected]
    for line, (_, score) in zip(found, expected, strict=True):
        assert float(line[1]) == pytest.approx(float(score), abs=2e-4)


def test_pairs_of_a_table(small_run, tmp_path, capfd):
    path = tmp_path / "pairs.tsv"
    path.write_text("one\ttwo\nfirst\tsecond\n")
    done = command(
        capfd, "classify", small_run, "--input", path, "--text-column", "one",
        "--pair-column", "two",
    )  # fmt: skip
    assert [line[2:] for line in lines(done)] == [("first", "second")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["x", "--input", "f.txt"], "TEXT beside --input"),
        (["--pair", "x"], "--pair without TEXT"),
        (["--input", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_what_cannot_be_classified(arguments, line, small_run, capfd):
    done = command(capfd, "classify", small_run, *arguments)
    assert done.status == 2
    assert line in one_line(done)


def test_a_missing_column_and_a_broken_row(small_run, tmp_path, capfd):
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,a\n2,b,c\n")
    arguments = ("classify", small_run, "--input", path)
    done = command(capfd, *arguments, "--text-column", "body")
    assert done.status == 2
    assert "column='body'" in one_line(done)
    done = command(capfd, *arguments)
    assert done.status == 2
    assert "line 3" in one_line(done)
    assert done.out.endswith("\ta\n")  # what came before it was answered


@pytest.mark.backend_free
def test_what_has_arrived_is_not_held_back():
    """A slow stream is answered line by line, a fast one in whole chunks."""
    go_on = threading.Event()

    def slow():
        yield "first"
        go_on.wait(timeout=30)
        yield "second"

    chunks = arriving.chunks(slow(), size=8)
    assert next(chunks) == ["first"]
    go_on.set()
    assert next(chunks) == ["second"]
    assert list(chunks) == []
    flat = [text for chunk in arriving.chunks(iter("abcdefg"), 3) for text in chunk]
    assert flat == list("abcdefg")


@pytest.mark.backend_free
def test_few_batch_sizes_reach_the_model():
    class Model:
        sizes = []

        def classify(self, texts, batch_size):
            self.sizes.append(len(texts) % batch_size or batch_size)
            return list(texts)

    model = Model()
    for count in range(1, 40):
        texts = [str(i) for i in range(count)]
        assert classify._answers(model, texts, batch_size=12) == texts
    assert set(model.sizes) == {1, 2, 4, 8, 12}
