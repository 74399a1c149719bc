"""`kzoo train gpt2`, `kzoo evaluate` of its run, and prepared tokens."""

import json

import keras
import numpy as np
import pytest
from support.commands import BACKEND, JIT, command, one_line

from kzoo.cli.app import run as run_command
from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import ByteBPETokenizer, CharacterTokenizer
from kzoo.training import read_history

SMALL = (
    "--set", "hidden_dim=16", "--set", "num_layers=1", "--set", "num_heads=2",
    "--set", "max_sequence_length=16", "--batch-size", 8, JIT,
)  # fmt: skip
TEXT = "".join(f"To be, or not to be: number {i}.\n" for i in range(80))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "input.txt"
    path.write_text(TEXT)
    return path


def arguments(out, spec, *more, preset="gpt2-nano", steps=4):
    return (
        "train", "gpt2", "--data", spec, "--preset", preset, "--out", out,
        "--steps", steps, *SMALL, *more,
    )  # fmt: skip


def test_a_run_from_text_to_folder(text, tmp_path, capfd):
    out = tmp_path / "run"
    done = command(
        capfd, *arguments(out, text), "--validation-share", 0.1, "--epoch-steps", 3,
        "--min-learning-rate", 1e-4, "--beta-2", 0.95, "--accumulate", 2,
        "--no-decay-embeddings", "--log-steps", 1, "--ema", 0.5, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = done.json
    assert record["family"] == "gpt2"
    assert record["data"]["train"]["characters"] == int(len(TEXT) * 0.9)
    assert record["data"]["validation"]["characters"] == len(TEXT) - int(
        len(TEXT) * 0.9
    )
    settings = record["settings"]
    assert (settings["epochs"], settings["total_steps"]) == (2, 4)
    assert settings["sequence_length"] == 16
    assert record["steps_done"] == 4
    assert {"accuracy", "loss", "val_loss", "val_accuracy"} < set(record["metrics"])
    assert record["metrics"]["tokens_per_second"] >= 0
    rows = read_history(out)
    assert [row["epoch"] for row in rows if row["kind"] == "epoch"] == [1, 2]
    model = GPT2CausalLM.from_preset(out)
    assert isinstance(model.tokenizer, CharacterTokenizer)
    assert model.tokenizer.vocabulary_size == len(set(TEXT))
    assert model.count_params() == record["model"]["parameters"]
    text_out = model.generate("To be", max_new_tokens=3)
    assert isinstance(text_out, str | list)


@pytest.fixture(scope="module")
def run(text, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    given = arguments(out, text, "--validation-share", 0.2)
    assert run_command([str(argument) for argument in given]) == 0
    return out


@pytest.mark.slow_on("jax")
def test_evaluation_measures_both_windows_on_the_runs_own_cut(run, text, capfd):
    done = command(capfd, "evaluate", run, "--data", text, "--stride", 5, "--json")
    assert done.status == 0, done.err
    found = done.json
    assert found["data"]["split"] == "validation"  # the run's cut has no test
    size = len(TEXT) - int(len(TEXT) * 0.8)
    assert found["disjoint"]["tokens"] == size - 1
    assert found["sliding"]["tokens"] == size - 1 - (16 - 5)
    assert found["sliding"]["stride"] == 5
    stored = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert stored["disjoint"] == found["disjoint"]
    # The training validated on the same text: its loss is over rows, this over tokens.
    record = json.loads((run / "training.json").read_text())
    assert found["disjoint"]["loss"] == pytest.approx(
        record["metrics"]["val_loss"], rel=0.02
    )


@pytest.mark.backend_free
def test_people_read_what_happens(text, tmp_path, capfd):
    done = command(capfd, *arguments(tmp_path / "run", text, "--sample", "To be"))
    assert done.status == 0
    for words in (
        f"A tokenizer of the {len(set(TEXT))} characters",
        "documents",
        "10% for validation and 10% for test are kept apart",
        f"parameters on {BACKEND} for 4 steps",
        "Next: kzoo evaluate",
    ):
        assert words in done.out
    assert "  > To be" in done.err
    assert "tokens/s" in done.err
    done = command(capfd, "evaluate", tmp_path / "run", "--data", text)
    assert "sliding windows of 16, stride 8" in done.out
    assert "bits per character" in done.out


@pytest.mark.backend_free
def test_prepared_tokens_train_the_same_model(text, tmp_path, capfd):
    tokens = tmp_path / "tokens"
    done = command(
        capfd, "data", "prepare", text, tokens, "--tokenizer", "bpe",
        "--vocabulary-size", 300, "--validation-share", 0.1, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["splits"]["train"]["characters"] == int(len(TEXT) * 0.9)
    done = command(capfd, *arguments(tmp_path / "a", tokens, preset="gpt2-tiny"))
    assert done.status == 0, done.err
    done = command(
        capfd, *arguments(tmp_path / "b", text, preset="gpt2-tiny"),
        "--tokenizer", tokens, "--validation-share", 0.1,
    )  # fmt: skip
    assert done.status == 0, done.err
    one, two = (GPT2CausalLM.from_preset(tmp_path / name) for name in "ab")
    assert isinstance(one.tokenizer, ByteBPETokenizer)
    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    done = command(capfd, "evaluate", tmp_path / "a", "--data", tokens)
    assert done.status == 0, done.err
    done = command(capfd, "data", "prepare", text, tokens, "--tokenizer", "characters")
    assert done.status == 2
    assert "which exists" in one_line(done)


@pytest.mark.backend_free
def test_fine_tuning_segments_and_blocks_computed_again(run, tmp_path, capfd):
    done = command(
        capfd, "train", "gpt2", "--data", "demo:stories", "--size", 20, "--from", run,
        "--out", tmp_path / "b", "--steps", 2, "--batch-size", 4, "--no-jit",
    )  # fmt: skip
    assert done.status == 2  # stories have letters that the run's tokenizer lacks
    assert "character" in done.err.splitlines()[-1]
    path = tmp_path / "more.txt"
    path.write_text("not to be\n\nor to be\n\n" * 60)
    done = command(
        capfd, "train", "gpt2", "--data", path, "--from", run, "--remat",
        "--out", tmp_path / "b", "--steps", 2, "--batch-size", 4, "--no-jit",
        "--segments", "--documents", "blank-line", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["settings"]["learning_rate"] == pytest.approx(3e-5)
    done = command(capfd, "evaluate", tmp_path / "b", "--data", path, "--json")
    assert done.json["segments"] is True


@pytest.mark.backend_free
def test_mixed_precision_keeps_float32_weights(text, tmp_path, capfd):
    done = command(
        capfd,
        *arguments(tmp_path / "a", text),
        "--precision",
        "mixed_bfloat16",
        "--json",
    )
    assert done.status == 0, done.err
    assert np.isfinite(done.json["metrics"]["loss"])
    model = GPT2CausalLM.from_preset(tmp_path / "a")
    assert {w.dtype.name for w in model.get_weights()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.backend_free
def test_a_given_validation_file(text, tmp_path, capfd):
    held = tmp_path / "held.txt"
    held.write_text(TEXT[:400])
    done = command(
        capfd, *arguments(tmp_path / "a", text), "--validation", held, "--json"
    )
    assert done.status == 0, done.err
    assert done.json["data"]["train"]["characters"] == len(TEXT)
    assert done.json["data"]["validation"]["characters"] == 400


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--cased"], "--cased for gpt2"),
        (["--devices", "2", "--strategy", "none"], "--devices 2 --strategy none"),
        (["--class-weights", "balanced"], "--class-weights for gpt2"),
        (["--label-smoothing", "0.1"], "--label-smoothing for gpt2"),
        (["--sequence-length", "17"], "--sequence-length 17"),
        (["--tokenizer", "nowhere"], "tokenizer='nowhere'"),
        (["--beta-2", "1"], "--beta-2 1.0"),
        (["--sample", "\u00e9"], "\u00e9"),
        (["--validation", "nowhere"], "nowhere"),
        (["--preset", "encoder-tiny"], "preset='encoder-tiny'"),
        (["--documents", "page"], "'page'"),
        (["--data", "demo:reviews"], "Known: demo:stories"),
    ],
)
def test_options_that_cannot_be(more, line, text, tmp_path, capfd):
    done = command(capfd, *arguments(tmp_path / "run", text), *more)
    assert done.status == 2
    assert line in one_line(done)


@pytest.mark.backend_free
def test_too_little_text(tmp_path, capfd):
    path = tmp_path / "train.txt"
    path.write_text("To be, or not.")
    done = command(capfd, *arguments(tmp_path / "run", path))
    assert done.status == 2
    assert "at least one block" in one_line(done)
    assert not (tmp_path / "run").exists()


@pytest.mark.backend_free
def test_options_of_the_other_family(run, text, tmp_path, capfd):
    done = command(
        capfd, "train", "classifier", "--data", "demo:reviews", "--preset",
        "encoder-tiny", "--out", tmp_path / "c", "--remat",
    )  # fmt: skip
    assert done.status == 2
    assert "--remat for classifier" in one_line(done)
    for more, line in (
        (["--predictions", tmp_path / "p"], "--predictions"),
        (["--protocol", "strided"], "protocol='strided'"),
        (["--stride", "17"], "stride=17"),
        (["--split", "test", "--validation-share", "0.1"], "split='test'"),
    ):
        done = command(capfd, "evaluate", run, "--data", text, *more)
        assert done.status == 2, more
        assert line in one_line(done)


@pytest.mark.slow_on("jax", "tensorflow")
def test_text_beside_a_validation_of_its_own_is_all_trained_on(text, tmp_path, capfd):
    out, other = tmp_path / "run", tmp_path / "other.txt"
    other.write_text(TEXT[:900])
    done = command(capfd, *arguments(out, text, "--validation", other), "--json")
    assert done.status == 0, done.err
    data = done.json["data"]
    assert data["train"]["characters"] == len(TEXT)
    assert data["options"]["validation_share"] == 0.0
    # No part of it is measured as if it had been kept apart.
    found = command(capfd, "evaluate", out, "--data", text, "--json").json["data"]
    assert (found["split"], found["sha256"]) == ("train", data["train"]["sha256"])


@pytest.mark.backend_free
def test_trained_weights_keep_their_positions(text, tmp_path, capfd, run):
    words = ("--from", run, "--out", tmp_path / "tuned", "--max-length", 8)
    done = command(capfd, "train", "gpt2", "--data", text, *words)
    assert done.status == 2
    assert "--max-length 8 beside --from" in one_line(done)
