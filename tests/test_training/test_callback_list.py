"""Callbacks that read the logs of steps late hear the same."""

import keras
import numpy as np
import pytest
from keras import ops
from support.small_fits import BATCH, STEPS, small_data, small_model

from kzoo import training
from kzoo.training import CallbackList, SkipNonFinite
from kzoo.training.callback_list import StepLogs


class Heard(keras.callbacks.Callback):
    """Keeps the logs of every step."""

    def __init__(self, late=False):
        super().__init__()
        self.takes_step_logs, self.logs = late, []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(logs)


def data(bad=()):
    x, y = small_data(rows=STEPS * BATCH)
    for step in bad:
        x[step * BATCH] = np.nan
    return x, y


def fit(callbacks, bad=(), epochs=1, late=True):
    keras.utils.set_random_seed(1)
    model = small_model()
    if late:
        callbacks = CallbackList(callbacks, model, epochs=epochs, steps=STEPS)
    x, y = data(bad)
    return model.fit(
        x,
        y,
        batch_size=BATCH,
        shuffle=False,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
    )


def test_other_callbacks_hear_what_keras_tells_them():
    late, plain = Heard(), Heard()
    histories = fit([late]).history, fit([plain], late=False).history
    assert histories[0] == histories[1]
    assert late.logs == plain.logs
    assert all(type(logs) is dict for logs in late.logs)
    assert late.params == {**plain.params, "verbose": 0}


def test_logs_may_be_read_when_the_training_is_over():
    late, plain = Heard(late=True), Heard()
    fit([late])
    fit([plain])
    assert all(isinstance(logs, StepLogs) for logs in late.logs)
    assert [dict(logs) for logs in late.logs] == plain.logs


def test_nothing_is_read_where_nobody_asks(monkeypatch):
    reads = []
    own = StepLogs.numbers
    monkeypatch.setattr(
        StepLogs, "numbers", lambda self: reads.append(self) or own(self)
    )
    quiet = [
        training.ThroughputLog(BATCH),
        training.StopAtStep(100),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: None),
    ]
    fit(quiet)
    assert not reads
    fit([*quiet, Heard()])
    assert len(reads) == STEPS
    reads.clear()
    fit([SkipNonFinite()])
    # Each step, behind the next one; the last one at the epoch's end.
    assert len(reads) == STEPS


@pytest.mark.parametrize("in_a_row", [1, 2, 3])
@pytest.mark.parametrize("bad", [(), (0,), (5,), (1, 3), (2, 3), (3, 4, 5), (0, 1, 5)])
def test_lost_steps_end_a_training_where_they_did(bad, in_a_row):
    found = []
    for late in (True, False):
        lost, steps = SkipNonFinite(in_a_row), Heard(late=True)
        told = ""
        try:
            fit([lost, steps], bad, epochs=2, late=late)
        except FloatingPointError as error:
            told = str(error)
        found.append((told, len(steps.logs), lost.state_dict()))
    assert found[0] == found[1]


def test_a_checkpoint_knows_of_the_step_just_taken():
    lost = SkipNonFinite()
    seen = []

    class States(keras.callbacks.Callback):
        takes_step_logs = True

        def on_train_batch_end(self, batch, logs=None):
            seen.append(lost.state_dict()["skipped"])

    fit([lost, States()], bad=(1, 4))
    assert seen == [0, 1, 1, 1, 2, 2]


def test_logs_are_flat_and_numbers():
    logs = StepLogs({"b": {"c": ops.ones(()), "a": 2}, "loss": 0.5, "note": "text"})
    assert list(logs) == ["a", "c", "loss", "note"]
    assert len(logs) == 4
    assert "b" not in logs
    assert dict(logs) == {"a": 2.0, "c": 1.0, "loss": 0.5, "note": "text"}
    assert repr(logs).startswith("StepLogs({'a': 2.0")
