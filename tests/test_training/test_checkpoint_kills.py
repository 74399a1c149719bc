"""A real `fit` that gets SIGKILL at random instants ends as if nobody had killed it."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

CRASH = pathlib.Path(__file__).parents[2] / "benchmarks" / "crash.py"


@pytest.mark.slow
def test_thirty_kills(tmp_path):
    done = subprocess.run(
        [sys.executable, str(CRASH), "--kills", "30", "--seed", "1"],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["kills"] == 30
    assert counts["inside_a_save"] >= 9
    assert counts["identical"] == counts["runs"] > 0
    assert counts["unrecoverable"] == 0
