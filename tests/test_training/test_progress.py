"""The progress bar, and the lines that take its place."""

import io
import re

import pytest
from support.small_fits import BATCH, ROWS, STEPS, small_fit, small_model

from kzoo.training import Progress, ThroughputLog


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_a_line_for_each_epoch():
    stream = io.StringIO()
    progress = Progress(BATCH, stream=stream)
    result = small_fit(small_model(), ThroughputLog(BATCH, ROWS), progress)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    for epoch, line in enumerate(lines):
        assert line.startswith(f"  epoch {epoch + 1}/2  ")
        assert f"val_loss {result.history['val_loss'][epoch]:.4f}" in line
        assert re.search(r"[\d,]+ examples/s  \d+ s$", line)
    assert progress.total_steps == 2 * STEPS


def test_every_training_has_its_own_number_of_steps():
    progress = Progress(BATCH, stream=io.StringIO())
    for epochs in (1, 2):
        small_fit(small_model(), progress, epochs=epochs)
        assert progress.total_steps == epochs * STEPS


def test_a_pipe_gets_a_line_when_the_interval_has_passed():
    stream = io.StringIO()
    small_fit(small_model(), Progress(BATCH, interval=0.0, stream=stream), epochs=1)
    lines = stream.getvalue().splitlines()
    assert len(lines) == STEPS + 1
    assert lines[0].startswith(f"  step 1/{STEPS}  ")
    assert re.search(r"loss \d\.\d{4}.* examples/s  \d:\d\d left$", lines[3])


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = Progress(BATCH, stream=stream)
    small_fit(small_model(), progress, epochs=1)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue())
    assert "epoch 1/1" in text
    assert f"/{STEPS}" in text
    assert progress._live is None


def test_closing_after_a_fit_that_raised_takes_the_bar_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(BATCH, stream=Terminal())
    progress.set_params({"epochs": 1, "steps": 2})
    progress.on_train_begin()
    assert progress._live is not None
    progress.close()
    progress.close()
    assert progress._live is None


def test_progress_refuses_no_batch():
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        Progress(0)
