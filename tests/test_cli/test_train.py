"""`kzoo train`: one run end to end, its folder, and what it refuses."""

import csv
import json

import keras
import numpy as np
import pytest
from support.commands import BACKEND, command, one_line, train_arguments

import kzoo.data
from kzoo.models import TextClassifier
from kzoo.training import read_history


def write_table(path, rows, header=True):
    lines = ["text,label"] if header else []
    path.write_text("\n".join(lines + [f'"{t}",{y}' for t, y in rows]) + "\n")
    return path


ROWS = [
    (f"{word} film number {i}", word) for i in range(12) for word in ("good", "bad")
]


def test_a_run_from_data_to_folder(tmp_path, capfd):
    out = tmp_path / "runs" / "a"
    done = command(
        capfd,
        *train_arguments(out, "--epochs", 2, "--seed", 3),
        "--log-steps", 2, "--tensorboard", "--early-stopping", 5,
        "--monitor", "val_accuracy", "--label-smoothing", 0.1, "--warmup", 2,
        "--decay", "cosine", "--class-weights", '{"positive": 2}', "--max-length", 24,
        "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = done.json
    names = {path.name for path in out.iterdir()}
    assert names == {
        "config.json", "model.safetensors", "tokenizer", "manifest.json",
        "history.csv", "history.jsonl", "training.json", "tensorboard",
        "checkpoints", "resume.json",
    }  # fmt: skip
    model = TextClassifier.from_preset(out)
    assert model.label_names == ("negative", "positive")
    assert model.max_sequence_length == 24
    assert model.count_params() == record["model"]["parameters"]
    rows = read_history(out)
    assert [row["step"] for row in rows if row["kind"] == "step"] == [2, 4, 6]
    with open(out / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    stored = json.loads((out / "training.json").read_text())
    assert {**record, "run": None} == {**stored, "run": None}
    assert stored["settings"]["total_steps"] == 6
    assert stored["settings"]["warmup_steps"] == 2
    assert stored["settings"]["learning_rate"] > 0  # of the recipe
    assert stored["backend"] == BACKEND
    assert len(stored["data"]["train_sha256"]) == 64
    assert stored["best_epoch"] in (1, 2)
    best = [row for row in rows if row["kind"] == "epoch"][stored["best_epoch"] - 1]
    assert stored["metrics"]["val_accuracy"] == best["val_accuracy"]
    assert stored["best"] == best["val_accuracy"]


@pytest.mark.backend_free
def test_the_kept_weights_are_those_of_the_best_epoch(tmp_path, capfd):
    done = command(capfd, *train_arguments(tmp_path / "a", "--epochs", 2, "--json"))
    best = done.json["metrics"]["val_loss"]
    model = TextClassifier.from_preset(tmp_path / "a")
    data = kzoo.data.load("demo:reviews", "validation", model, size=48, batch_size=16)
    assert model.evaluate(data, verbose=0)[0] == pytest.approx(best, rel=1e-3)


@pytest.mark.backend_free
def test_people_read_what_happens(tmp_path, capfd):
    done = command(capfd, *train_arguments(tmp_path / "a", "--steps", 2))
    assert done.status == 0
    for words in (
        "48 examples: negative 24, positive 24",
        "Training a tokenizer of at most 200 tokens",
        f"parameters on {BACKEND} for 2 steps",
        "Kept epoch 1 of 1",
        "Next: kzoo evaluate",
    ):
        assert words in done.out
    assert "epoch 1/1" in done.err


@pytest.mark.parametrize(
    "precision",
    ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.backend_free)],
)
def test_mixed_precision_keeps_float32_weights(precision, tmp_path, capfd):
    arguments = train_arguments(tmp_path / "a", "--steps", 2, "--precision", precision)
    done = command(capfd, *arguments, "--json")
    assert done.status == 0, done.err
    assert np.isfinite(done.json["metrics"]["loss"])
    assert keras.config.dtype_policy().name == "float32"
    weights = TextClassifier.from_preset(tmp_path / "a").get_weights()
    assert {weight.dtype.name for weight in weights if weight.dtype.kind == "f"} == {
        "float32"
    }


@pytest.mark.backend_free
def test_batches_in_parts_are_the_same_training(tmp_path, capfd):
    records = []
    for micro_batches in (1, 3):
        arguments = train_arguments(tmp_path / str(micro_batches), "--epochs", 2)
        parts = "--micro-batches", micro_batches
        done = command(capfd, *arguments, *parts, "--json")
        assert done.status == 0, done.err
        records.append(done.json)
    whole, parts = records
    assert parts["settings"]["micro_batches"] == 3
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        value = whole["metrics"][name]
        assert parts["metrics"][name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.slow_on("jax")
def test_averaged_weights(tmp_path, capfd):
    arguments = train_arguments(tmp_path / "a", "--epochs", 2, "--ema", 0.5, "--json")
    done = command(capfd, *arguments)
    assert done.status == 0, done.err
    model = TextClassifier.from_preset(tmp_path / "a")
    data = kzoo.data.load("demo:reviews", "validation", model, size=48, batch_size=16)
    loss = model.evaluate(data, verbose=0)[0]
    assert loss == pytest.approx(done.json["metrics"]["val_loss"], rel=1e-3)


def test_fine_tuning_keeps_tokenizer_and_labels(small_run, tmp_path, capfd):
    rows = [(text, "positive" if y == "good" else "negative") for text, y in ROWS]
    table = write_table(tmp_path / "data.csv", rows)
    done = command(
        capfd, "train", "classifier", "--data", table, "--from", small_run,
        "--out", tmp_path / "b", "--steps", 1, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["settings"]["learning_rate"] == pytest.approx(3e-5)
    model = TextClassifier.from_preset(tmp_path / "b")
    before = TextClassifier.from_preset(small_run)
    assert model.label_names == before.label_names
    assert model.tokenizer.vocabulary == before.tokenizer.vocabulary


@pytest.mark.backend_free
def test_fine_tuning_on_other_labels_starts_a_new_last_layer(
    small_run, tmp_path, capfd
):
    rows = [(text, f"{y}{i % 2}") for i, (text, y) in enumerate(ROWS)]
    table = write_table(tmp_path / "data.csv", [*rows, ("odd one", "other")] * 2)
    done = command(
        capfd, "train", "classifier", "--data", table, "--from", small_run,
        "--out", tmp_path / "b", "--steps", 1, "--validation", table,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "so its last layer starts anew" in done.out
    names = TextClassifier.from_preset(tmp_path / "b").label_names
    assert names == ("bad1", "good0", "other")


@pytest.mark.backend_free
def test_a_given_tokenizer_and_validation_file(small_run, tmp_path, capfd):
    train = write_table(tmp_path / "train.csv", ROWS)
    held_out = write_table(tmp_path / "held.csv", ROWS[:5])
    done = command(
        capfd,
        *train_arguments(tmp_path / "b", "--steps", 1, data=str(train)),
        "--validation", held_out, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["data"]["train_examples"] == len(ROWS)
    assert done.json["data"]["validation_examples"] == 5
    arguments = [a for a in train_arguments(tmp_path / "c", data=str(train))]
    at = arguments.index("--vocabulary-size")
    arguments[at : at + 2] = ["--tokenizer", small_run / "tokenizer"]
    done = command(capfd, *arguments, "--steps", 1, "--json")
    assert done.status == 0, done.err
    assert done.json["data"]["validation_examples"] == 0
    assert done.json["best_epoch"] == 1
    before = TextClassifier.from_preset(small_run).tokenizer
    after = TextClassifier.from_preset(tmp_path / "c").tokenizer
    assert after.vocabulary == before.vocabulary


def test_a_lost_loss_is_status_1(tmp_path, capfd):
    done = command(
        capfd,
        *train_arguments(tmp_path / "a", "--epochs", 3, "--learning-rate", 1e30),
        "--clip-norm", 0, "--warmup", 0, "--json",
    )  # fmt: skip
    assert done.status == 1
    assert "The loss of a step must be finite" in one_line(done)
    assert json.loads((tmp_path / "a" / "training.json").read_text())["diverged"]


@pytest.mark.backend_free
def test_an_old_run_is_not_written_over_unasked(tmp_path, capfd):
    out = tmp_path / "a"
    out.mkdir()
    for name in ("config.json", "mine.txt"):
        (out / name).write_text("{}")
    done = command(capfd, *train_arguments(out, "--steps", 1))
    assert done.status == 2
    assert "--overwrite" in one_line(done)
    done = command(capfd, *train_arguments(out, "--steps", 1, "--overwrite"))
    assert done.status == 0, done.err
    assert (out / "mine.txt").read_text() == "{}"
    TextClassifier.from_preset(out)
    # What cannot be trained takes nothing away; a run may go on in its own tokenizer.
    done = command(capfd, *train_arguments(out, "--overwrite", "--set", "depth=1"))
    assert done.status == 2
    TextClassifier.from_preset(out)
    again = list(train_arguments(out, "--steps", 1, "--overwrite"))
    cut = again.index("--vocabulary-size")
    done = command(capfd, *again[:cut], *again[cut + 2 :], "--tokenizer", out)
    assert done.status == 0, done.err
