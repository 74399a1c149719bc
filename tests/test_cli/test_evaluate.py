"""`kzoo evaluate`: figures, files, and what it refuses."""

import json

import numpy as np
import pytest
from support.commands import command, one_line

import kzoo.data
from kzoo.models import TextClassifier

PNG = b"\x89PNG\r\n\x1a\n"


def test_figures_are_those_of_the_model(small_run, tmp_path, capfd):
    out, predictions = tmp_path / "figures", tmp_path / "predictions.jsonl"
    done = command(
        capfd, "evaluate", small_run, "--data", "demo:reviews", "--size", 40,
        "--out", out, "--predictions", predictions, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    result = done.json
    examples = kzoo.data.read("demo:reviews", "test", size=40)
    answers = TextClassifier.from_preset(small_run).classify(examples.texts)
    truth = [examples.label_names[label] for label in examples.labels]
    right = np.mean([a.label == t for a, t in zip(answers, truth, strict=True)])
    assert result["accuracy"] == pytest.approx(right)
    assert np.sum(result["confusion"]) == result["examples"] == 40
    stored = json.loads((out / "evaluation.json").read_text())
    assert {**stored, "run": str(small_run)} == result
    for name in ("confusion.png", "calibration.png"):
        assert (out / name).read_bytes().startswith(PNG)
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert [row["text"] for row in rows] == examples.texts
    assert [row["label"] for row in rows] == truth
    scores = [row["scores"]["positive"] for row in rows]
    expected = [answer.scores["positive"] for answer in answers]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_people_read_figures_and_confusion(small_run, capfd):
    done = command(capfd, "evaluate", small_run, "--data", "demo:reviews", "--size", 12)
    assert done.status == 0, done.err
    assert "demo:reviews, test: 12 examples" in done.out
    for words in ("accuracy", "macro F1", "calibration error", "Confusion", "negative"):
        assert words in done.out
    assert (small_run / "evaluation" / "confusion.png").exists()


@pytest.mark.parametrize(
    ("name", "more", "split"),
    [("dev.csv", [], "validation"), ("x.csv", [], "test"), ("x.csv", ["all"], "all")],
)
def test_the_split_is_the_one_that_is_there(
    name, more, split, small_run, tmp_path, capfd
):
    rows = "".join(f"film {i},{('negative', 'positive')[i % 2]}\n" for i in range(40))
    (tmp_path / name).write_text("text,label\n" + rows)
    chosen = ["--split", *more] if more else []
    done = command(
        capfd, "evaluate", small_run, "--data", tmp_path / name, *chosen,
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["data"]["split"] == split
    assert (done.json["examples"] < 40) == (split == "test")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("text,label\na,positive\nb,odd\n", "label 'odd' (line 3)"),
        ("text\na\n", "label_column"),
        (None, "which is no"),
    ],
)
def test_data_that_cannot_be_evaluated(content, line, small_run, tmp_path, capfd):
    path = tmp_path / "test.csv"
    run = small_run
    if content is None:
        run = tmp_path / "nowhere"
    else:
        path.write_text(content)
    arguments = ("--data", path, "--out", tmp_path / "out")
    done = command(capfd, "evaluate", run, *arguments)
    assert done.status == 2
    assert line in one_line(done)
    assert not (tmp_path / "out").exists()


def test_a_hub_model_has_no_folder_to_write_into(capfd):
    done = command(capfd, "evaluate", "hf://a/b", "--data", "demo:reviews")
    assert done.status == 2
    assert "--out FOLDER" in one_line(done)
