"""`kzoo train` that is ended and run again: the same command goes on."""

import csv
import json
import os
import signal

import pytest
from support.commands import command, one_line, train_arguments

from kzoo.cli.resuming import parse_every
from kzoo.errors import InputError
from kzoo.training import ThroughputLog

# What a clock says is another each time.
TIMES = ("seconds", "per_second", "step_ms", "wait", "mfu", "memory")


def run(capfd, out, *more, epochs=2):
    return command(
        capfd, *train_arguments(out, "--epochs", epochs, "--log-steps", 1, *more)
    )


def end_after(monkeypatch, step, number):
    """Have a signal sent to this process in a step of the next training."""
    inner = ThroughputLog.on_train_batch_end

    def send(self, batch, logs=None):
        inner(self, batch, logs)
        if self.steps == step:
            monkeypatch.setattr(ThroughputLog, "on_train_batch_end", inner)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(ThroughputLog, "on_train_batch_end", send)


def outcome(out):
    """Return all that a run folder holds, but for times."""
    with open(out / "history.csv", newline="", encoding="utf-8") as file:
        rows = [
            {k: v for k, v in row.items() if not any(word in k for word in TIMES)}
            for row in csv.DictReader(file)
        ]
    steps = [
        line
        for line in (out / "history.jsonl").read_text().splitlines()
        if '"kind": "step"' in line
    ]
    return (out / "model.safetensors").read_bytes(), rows, steps


def test_sigterm_saves_and_the_same_command_goes_on(tmp_path, capfd, monkeypatch):
    assert run(capfd, tmp_path / "whole").status == 0
    out = tmp_path / "run"
    end_after(monkeypatch, 3, signal.SIGTERM)
    done = run(capfd, out)
    assert done.status == 143, done.err
    assert "The same command, run again, goes on." in done.err.splitlines()[-1]
    assert json.loads((out / "training.json").read_text())["interrupted"] is True
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-000000003"]

    other = run(capfd, out, "--resume", "--learning-rate", "0.5")
    assert other.status == 2
    assert "--learning-rate 0.5, begun with None" in one_line(other)

    assert run(capfd, out).status == 0
    assert outcome(out) == outcome(tmp_path / "whole")
    record = json.loads((out / "training.json").read_text())
    assert record["interrupted"] is False
    assert record["steps_done"] == 6

    # It has ended: without --resume it is in the way, with it there is nothing to do.
    again = run(capfd, out)
    assert again.status == 2
    assert "not empty" in one_line(again)
    before = outcome(out)
    assert run(capfd, out, "--resume").status == 0
    assert outcome(out) == before


def test_ctrl_c_saves_too_and_resume_starts_where_there_is_nothing(
    tmp_path, capfd, monkeypatch
):
    out = tmp_path / "run"
    end_after(monkeypatch, 2, signal.SIGINT)
    done = run(capfd, out, "--resume", "--checkpoint-every", 1, epochs=1)
    assert done.status == 130, done.err
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == [
        "step-000000001", "step-000000002",
    ]  # fmt: skip
    done = run(capfd, out, "--resume", "--checkpoint-every", 1, epochs=1)
    assert done.status == 0, done.err
    assert len(outcome(out)[2]) == 3


@pytest.mark.slow_on("tensorflow", "jax")
def test_checkpoints_are_not_passed_over(tmp_path, capfd, monkeypatch):
    out = tmp_path / "run"
    end_after(monkeypatch, 2, signal.SIGTERM)
    assert run(capfd, out, epochs=1).status == 143
    done = run(capfd, out, "--checkpoint-every", 0, epochs=1)
    assert done.status == 2
    assert f"--checkpoint-every 0, and checkpoints in {out}" in one_line(done)
    assert run(capfd, out, epochs=1).status == 0
    assert len(outcome(out)[2]) == 3


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--resume", "--overwrite"), "--resume --overwrite"),
        (("--checkpoint-every", "soon"), "--checkpoint-every soon"),
        (("--resume", "--checkpoint-every", "0"), "--resume --checkpoint-every 0"),
    ],
)
def test_bad_input(more, match, tmp_path, capfd):
    done = run(capfd, tmp_path / "run", *more)
    assert done.status == 2
    assert match in one_line(done)
    assert not (tmp_path / "run").exists()


@pytest.mark.backend_free
def test_how_far_checkpoints_are_apart():
    assert parse_every("90s") == (None, 90.0)
    assert parse_every("2h") == (None, 7200.0)
    assert parse_every("0s") == (None, None)
    with pytest.raises(InputError, match="1.5m"):
        parse_every("1.5m")
