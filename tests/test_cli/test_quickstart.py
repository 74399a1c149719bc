"""`kzoo quickstart`: what it refuses, and (slow) the whole of it."""

import json
import subprocess
import sys

import pytest
from support.commands import BACKEND, command, one_line

from kzoo.cli import answer


@pytest.mark.backend_free
def test_it_keeps_out_of_folders_of_others(tmp_path, capfd):
    (tmp_path / "mine.txt").write_text("mine")
    done = command(capfd, "quickstart", "--out", tmp_path)
    assert done.status == 2
    assert "folder of its own" in one_line(done)
    done = command(capfd, "quickstart", "--out", tmp_path / "mine.txt")
    assert done.status == 2


@pytest.mark.slow
def test_the_whole_way(tmp_path, capfd):
    out = tmp_path / "quickstart"
    for _ in range(2):  # the second time writes over the first
        done = command(capfd, "quickstart", "--out", out, "--json")
        assert done.status == 0, done.err
        result = done.json
        assert result["test_accuracy"] >= 0.95
        assert result["passed"] == {"saved-model": True, "onnx": True}
        assert result["served"]["imported"] == "none"
        assert result["backend"] == BACKEND
    assert json.loads((out / "quickstart.json").read_text()) == result
    serve = [sys.executable, "-I", out / "answer.py", out / "onnx", "fine film"]
    text = subprocess.run(serve, capture_output=True, text=True, check=True).stdout
    assert text.splitlines()[0].endswith("\tfine film")
    assert text.splitlines()[1].startswith("imported\tnone\t")
    assert "keras" in answer.TRAINING
