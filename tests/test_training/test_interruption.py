"""Ctrl-C between two steps."""

import os
import signal

import keras
import numpy as np
import pytest
from support.small_fits import small_fit, small_model

from kzoo.training import HistoryLog, InterruptBetweenSteps


class Press(keras.callbacks.Callback):
    """Press ctrl-C at one moment of a fit."""

    def __init__(self, event, step, times=1):
        super().__init__()
        self.event, self.step, self.times, self.log = event, step, times, []

    def on_train_batch_begin(self, batch, logs=None):
        self._at("train", batch)

    def on_test_batch_begin(self, batch, logs=None):
        self._at("test", batch)

    def _at(self, event, batch):
        self.log.append((event, batch))
        if (event, batch) == (self.event, self.step):
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("event", ["train", "test"])
def test_the_running_step_is_done_first(event, tmp_path):
    heard, log, press = [], HistoryLog(tmp_path), Press(event, 1)
    model = small_model()
    before = signal.getsignal(signal.SIGINT)
    interruption = InterruptBetweenSteps(lambda: heard.append(1))
    with pytest.raises(KeyboardInterrupt), interruption:
        small_fit(model, log, press, interruption)
    assert press.log[-1] == (event, 1)
    assert heard == [1]
    assert log.steps == (2 if event == "train" else 6)
    assert signal.getsignal(signal.SIGINT) is before
    for weight in model.get_weights():  # whole on every backend
        assert np.isfinite(weight).all()


def test_pressed_twice_it_acts_at_once(tmp_path):
    log = HistoryLog(tmp_path)
    interruption = InterruptBetweenSteps()
    with pytest.raises(KeyboardInterrupt), interruption:
        small_fit(small_model(), log, Press("train", 1, times=2), interruption)
    assert log.steps == 1


def test_unpressed_it_changes_nothing():
    interruption = InterruptBetweenSteps()
    with interruption:
        small_fit(small_model(), interruption)
    assert not interruption.requested
