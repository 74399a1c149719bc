"""`kzoo train --lora-rank` and `--freeze`, for each family; any tokenizer given."""

import keras
import numpy as np
import pytest
from support.commands import JIT, command, one_line, train_arguments
from support.small_pairs import translator_arguments, write_pairs

from kzoo import models
from kzoo.cli.app import run as run_command
from kzoo.cli.families import FAMILIES
from kzoo.models.preset_folder import variables_of
from kzoo.tokenizers import ByteBPETokenizer, CharacterTokenizer

TEXT = "To be, or not to be, that is the question.\n" * 60


def made(*arguments):
    assert run_command([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return for each family what it is trained on."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "text.txt").write_text(TEXT)
    return {
        "classifier": ("--data", "demo:reviews", "--size", 48, "--max-length", 16),
        "gpt2": ("--data", folder / "text.txt", "--validation-share", 0.2),
        "translator": (
            "--data", write_pairs(folder / "pairs"), "--source", "de", "--target",
            "en", "--test-share", 0, "--validation-size", 0,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def runs(data, small_run, tmp_path_factory):
    """Return a trained run of each family."""
    folder = tmp_path_factory.mktemp("runs")
    made(
        "train", "gpt2", *data["gpt2"], "--preset", "gpt2-nano", "--out",
        folder / "gpt2", "--steps", 1, "--set", "hidden_dim=16", "--set",
        "num_layers=1", "--set", "num_heads=2", "--batch-size", 8, JIT,
    )  # fmt: skip
    pairs = data["translator"][1]
    made(*translator_arguments(folder / "translator", pairs, steps=1))
    return {
        "classifier": small_run,
        "gpt2": folder / "gpt2",
        "translator": folder / "translator",
    }


def weights(family, run):
    model = getattr(models, FAMILIES[family][0]).from_preset(run)
    return {
        n: np.array(keras.ops.convert_to_numpy(v))
        for n, v in variables_of(model).items()
    }


def changed(family, before, after):
    old, new = weights(family, before), weights(family, after)
    assert set(old) == set(new)  # the adapters are in the kernels
    return {name for name in old if (old[name] != new[name]).any()}


def tuned(capfd, family, data, runs, out, *more):
    return command(
        capfd, "train", family, *data[family], "--from", runs[family], "--out", out,
        "--steps", 2, "--batch-size", 8, "--learning-rate", 0.01, JIT, "--json", *more,
    )  # fmt: skip


@pytest.mark.slow_on("jax", "tensorflow")
@pytest.mark.parametrize("family", FAMILIES)
def test_adapters_are_trained_and_saved_as_kernels(family, data, runs, tmp_path, capfd):
    out = tmp_path / "run"
    done = tuned(
        capfd, family, data, runs, out, "--lora-rank", 2, "--lora-pattern",
        "attention", "--lora-alpha", 4,
    )  # fmt: skip
    assert done.status == 0, done.err
    record = done.json["model"]["adaptation"]
    assert record["lora_rank"] == 2
    before, after = record["before"], record["after"]
    assert before["frozen"] == 0
    assert 0 < after["trainable"] < before["trainable"]
    assert after["frozen"] + after["trainable"] > before["trainable"]
    found = changed(family, runs[family], out)
    assert found
    for name in found:
        attends = "attention" in name and name.endswith("kernel")
        head = family == "classifier" and name.startswith("classifier/")
        assert attends or head, name


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_weights_stay(family, data, runs, tmp_path, capfd):
    out = tmp_path / "run"
    done = tuned(capfd, family, data, runs, out, "--freeze", "embeddings|attention")
    assert done.status == 0, done.err
    record = done.json["model"]["adaptation"]
    assert record["before"]["frozen"] == 0
    assert record["after"]["frozen"] > 0
    assert sum(record["after"].values()) == record["before"]["trainable"]
    found = changed(family, runs[family], out)
    assert found
    for name in found:
        assert "embeddings" not in name
        assert "attention" not in name


@pytest.mark.backend_free
def test_counts_are_told(data, runs, tmp_path, capfd):
    done = command(
        capfd, "train", "gpt2", *data["gpt2"], "--from", runs["gpt2"], "--out",
        tmp_path / "run", "--steps", 1, "--batch-size", 8, JIT, "--lora-rank", 1,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "parameters train (" in done.out
    assert "before, " in done.out


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--lora-alpha", "2"], "without --lora-rank"),
        (["--lora-rank", "2", "--freeze", "x"], "--freeze x beside --lora-rank 2"),
        (["--lora-rank", "2", "--lora-pattern", "attic"], "pattern='attic'"),
        (["--lora-rank", "2", "--lora-train", "attic"], "train='attic'"),
        (["--freeze", "attic"], "pattern='attic'"),
        (["--freeze", "["], "A pattern is a regular expression"),
        (["--freeze", "."], "which matches all"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_adapted(more, line, data, runs, tmp_path, capfd):
    done = tuned(capfd, "gpt2", data, runs, tmp_path / "run", *more)
    assert done.status == 2
    assert line in one_line(done)
    assert not (tmp_path / "run").exists()


@pytest.mark.backend_free
@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_a_classifier_takes_any_tokenizer(kind, tmp_path, capfd):
    folder = tmp_path / kind
    text = "a fine film, and a dull one: good, bad, long or short! It's 90 minutes."
    text += "".join(map(chr, range(32, 127)))
    if kind == "bpe":
        ByteBPETokenizer.train([text] * 9, vocabulary_size=300).save(folder)
    else:
        CharacterTokenizer.train([text]).save(folder)
    base = list(train_arguments(tmp_path / "run", "--steps", 1))
    at = base.index("--vocabulary-size")
    del base[at : at + 2]
    done = command(capfd, *base, "--tokenizer", folder)
    assert done.status == 0, done.err
    model = models.TextClassifier.from_preset(tmp_path / "run")
    assert type(model.tokenizer).__name__.lower().startswith(("byte", "char"))
    assert model.classify(["a fine film"])[0].score > 0


@pytest.mark.backend_free
def test_a_classifier_needs_a_tokenizer_of_single_texts(runs, tmp_path, capfd):
    base = list(train_arguments(tmp_path / "run", "--steps", 1))
    at = base.index("--vocabulary-size")
    del base[at : at + 2]
    done = command(capfd, *base, "--tokenizer", runs["translator"])
    assert done.status == 2
    assert "is one of single texts" in one_line(done)
