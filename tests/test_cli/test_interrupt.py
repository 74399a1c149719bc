"""Ctrl-C while `kzoo train` runs: a real signal to a real process."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.commands import BACKEND, train_arguments

from kzoo.models import TextClassifier

LIMIT = 240  # seconds, on a machine with other things to do


def start(out, *more):
    arguments = train_arguments(out, "--log-steps", 1, *more)
    code = "from kzoo.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": BACKEND},
    )


def wait_for(path, kind, process):
    deadline = time.monotonic() + LIMIT
    while not (path.exists() and f'"kind": "{kind}"' in path.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "kind", ["step", pytest.param("epoch", marks=pytest.mark.backend_free)]
)
def test_the_run_folder_opens_afterwards(kind, tmp_path):
    out = tmp_path / "run"
    process = start(out, "--epochs", 100_000)
    try:
        wait_for(out / "history.jsonl", kind, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("kzoo: Interrupted")
    assert f"{out} holds the weights" in last
    model = TextClassifier.from_preset(out)
    assert len(model.classify(["fine film"])) == 1
    record = json.loads((out / "training.json").read_text())
    assert record["interrupted"] is True
    assert record["steps_done"] >= 1
