"""`kzoo launch`: several processes, one run folder."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.commands import BACKEND, command, one_line, train_arguments

from kzoo.cli.launch import _Again
from kzoo.models import GPT2CausalLM


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--workers", 2, "evaluate", "run"), "kzoo launch evaluate"),
        (("--workers", 0, "train"), "greater than or equal to 1"),
        (("train", "classifier"), "--workers"),
        (
            ("--workers", 2, "--restarts", 1, "train", "--checkpoint-every=0"),
            "--restarts 1 with --checkpoint-every 0",
        ),
    ],
)
def test_what_cannot_be_launched(capfd, arguments, line):
    done = command(capfd, "launch", *arguments)
    assert done.status == 2
    assert line in one_line(done)


@pytest.mark.backend_free
def test_an_older_run_is_written_over_before_it_is_gone_on_with(tmp_path):
    command = ["train", "gpt2", "--overwrite", "--out", str(tmp_path)]
    (tmp_path / "resume.json").write_text("{}")
    again = _Again(command)
    assert again(command) == command  # nothing was written yet
    (tmp_path / "resume.json").unlink()
    assert again(command) == command
    (tmp_path / "resume.json").write_text('{"a": 1}')
    os.utime(tmp_path / "resume.json", ns=(1, 1))
    going_on = ["train", "gpt2", "--out", str(tmp_path), "--resume"]
    assert again(command) == again(going_on) == going_on
    assert _Again(["train"])(["train"]) == ["train", "--resume"]


def words(out, *more, workers=2):
    return launch_words(workers, train_arguments(out, "--epochs", 2, *more))


def nano_words(out, *more, workers=2):
    """Train a model of four blocks, on batches of one size."""
    text = "train", "gpt2", "--data", "demo:stories", "--size", 60
    sizes = "--preset", "gpt2-nano", "--batch-size", 12, "--steps", 6
    return launch_words(workers, (*text, *sizes, "--out", out, *more))


def launch_words(workers, training):
    options = ["--workers", str(workers), "--restarts", "1"]
    launch = [sys.executable, "-m", "kzoo.cli", "launch", *options]
    return [*launch, *map(str, training)]


ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": BACKEND}


def launched(out, *more, workers=2, words_of=words):
    return subprocess.run(
        words_of(out, *more, workers=workers),
        capture_output=True,
        text=True,
        timeout=500,
        env=ENVIRONMENT,
    )


@pytest.mark.slow
def test_two_workers_write_the_run_of_one(tmp_path):
    done = launched(tmp_path / "two", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["processes"], record["replicas"]) == (2, 2)
    alone = launched(tmp_path / "one", "--strategy", "none", workers=1)
    assert alone.returncode == 0, alone.stderr
    assert sorted(os.listdir(tmp_path / "two")) == sorted(os.listdir(tmp_path / "one"))
    two, one = (
        load_file(tmp_path / run / "model.safetensors") for run in ("two", "one")
    )
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("words_of", [words, nano_words], ids=["classifier", "gpt2"])
def test_one_process_in_parts_writes_the_run_of_two(tmp_path, words_of):
    """To the bit, in half precision, with clipping."""
    given = "--precision", "mixed_float16", "--clip-norm", "0.5", "--micro-batches", "2"
    if BACKEND == "jax":  # where norms of Muon's matrices are summed as XLA likes
        given = *given, "--optimizer", "adamw"
    done = launched(tmp_path / "two", *given, words_of=words_of)
    assert done.returncode == 0, done.stderr
    alone = *given, "--strategy", "none"
    done = launched(tmp_path / "one", *alone, workers=1, words_of=words_of)
    assert done.returncode == 0, done.stderr
    two, one = (
        load_file(tmp_path / run / "model.safetensors") for run in ("two", "one")
    )
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value, err_msg=name)


@pytest.mark.slow
def test_sigterm_ends_all_with_one_checkpoint_and_the_group_goes_on(tmp_path):
    out = tmp_path / "run"
    options = ("--log-steps", 1, "--steps", 300, "--checkpoint-every", "1h")
    # One option for the length of it: the steps.
    command = words(out, *options)
    del command[(at := command.index("--epochs")) : at + 2]
    with open(tmp_path / "log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
        try:
            deadline = time.monotonic() + 300
            history = out / "history.jsonl"
            while not (history.exists() and '"step": 12,' in history.read_text()):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(200) == 143, (tmp_path / "log").read_text()
        finally:
            process.kill()
    record = json.loads((out / "training.json").read_text())
    assert record["interrupted"] is True
    # Where it was agreed on at an epoch's beginning, a step is begun before the end.
    (name,), steps = os.listdir(out / "checkpoints"), record["steps_done"]
    assert name in (f"step-{steps:09d}", f"step-{steps - 1:09d}-end")
    again = subprocess.run(command, capture_output=True, timeout=500, env=ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    rows = (out / "history.jsonl").read_text().splitlines()
    taken = [json.loads(row)["step"] for row in rows if '"kind": "step"' in row]
    assert taken == list(range(1, 301))


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_arguments_that_are_wrong_are_said_once_and_not_started_again(tmp_path):
    done = launched(tmp_path / "run", "--strategy", "tpu")
    assert done.returncode == 2
    assert "start 1 of 1" not in done.stderr
    assert "strategy='tpu'" in done.stderr


@pytest.mark.slow
def test_all_processes_write_the_texts_that_one_shows(tmp_path):
    """On JAX with weights cut over them, of which none could compute alone."""
    strategy = ["model-parallel", "--mesh", "1x2"] if BACKEND == "jax" else ["auto"]
    small = ("hidden_dim=16", "num_layers=1", "num_heads=2", "max_sequence_length=16")
    training = ["train", "gpt2", "--data", "demo:stories", "--size", "40", "--preset"]
    training += ["gpt2-nano", "--steps", "4", "--epoch-steps", "2", "--sample", "Once"]
    training += ["--checkpoint-every", "3", "--out", tmp_path, "--strategy", *strategy]
    training += [word for setting in small for word in ("--set", setting)]
    done = subprocess.run(
        [sys.executable, "-m", "kzoo.cli", "launch", "--workers", "2", *training],
        capture_output=True,
        text=True,
        timeout=400,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n  > Once") == 2
    saved = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert saved == ["step-000000003", "step-000000004-final"]
    assert GPT2CausalLM.from_preset(tmp_path).generate("Once", max_new_tokens=2)
