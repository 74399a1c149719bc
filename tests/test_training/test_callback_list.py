"""Callbacks that read the logs of steps late hear the same."""

import gc
import time

import keras
import numpy as np
import pytest
from keras import ops
from support import resumed
from support.small_fits import BATCH, STEPS, small_data, small_model

from kzoo import training
from kzoo.data import BlockOrder, PackedBatches
from kzoo.data.python_dataset import TokenDataset
from kzoo.training import CallbackList, SkipNonFinite
from kzoo.training.callback_list import StepLogs

BACKEND = keras.backend.backend()


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


def fit(callbacks, bad=(), epochs=1, late=True, taken=1, validate=False):
    keras.utils.set_random_seed(1)
    model = small_model()
    model.steps_per_execution = taken
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
        validation_data=small_data(1) if validate else None,
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


@pytest.mark.skipif(BACKEND != "torch", reason="values change in place on torch")
def test_logs_read_late_are_those_of_their_step():
    total = ops.zeros(())
    logs = StepLogs({"total": total})
    total += 1
    assert logs["total"] == 0


def test_one_step_is_under_way_and_an_epoch_ends_with_its_last():
    known = []

    class Looks(keras.callbacks.Callback):
        takes_step_logs = True

        def on_train_batch_end(self, batch, logs=None):
            known.append((logs.latest is not logs, logs.latest.known, logs.known))

    fit([training.ThroughputLog(BATCH), training.StopAtStep(100), Looks()])
    first, last = (False, False, False), (False, True, True)
    assert known == [first, *[(True, True, False)] * (STEPS - 2), last]
    fit([Looks(), Heard()])
    assert known[STEPS:] == known[:STEPS]  # read for another one, later in the list
    fit([Heard(), Looks()])
    assert known[2 * STEPS :] == [last] * STEPS


@pytest.mark.parametrize("reads", [False, True])
def test_the_end_of_every_step_is_told_once(reads):
    ends, ended = [], []

    class Hears(keras.callbacks.Callback):
        takes_step_logs = True

        def on_epoch_begin(self, epoch, logs=None):
            ends.clear()
            ended.clear()

        def on_train_batch_end(self, batch, logs=None):
            ends.append(logs.ends)
            ended.append(logs)

    others = [Heard()] if reads else [training.StopAtStep(STEPS + 4)]
    fit([training.ThroughputLog(BATCH), Hears(), *others], epochs=2)
    steps = len(ended)
    assert steps == (STEPS if reads else 4)
    told = [end for each in ends for end in each]
    assert told == [logs.ended for logs in ended][: len(told)] == sorted(told)
    if BACKEND != "jax":  # the CPU's steps end before their callbacks are called
        assert list(map(len, ends)) == [1] * steps
    assert len(told) in ({steps} if reads else {steps - 1, steps})


def test_other_callbacks_share_what_one_adds():
    class Adds(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            logs["added"] = batch

    heard = Heard()
    fit([Adds(), heard])
    assert [logs["added"] for logs in heard.logs] == list(range(STEPS))


@pytest.mark.skipif(BACKEND != "jax", reason="the layer that takes its time is JAX's")
def test_speed_is_that_of_the_device():
    import jax

    class Slow(keras.layers.Layer):
        def call(self, x):
            wait = lambda x: time.sleep(0.05) or x  # noqa: E731
            shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return x + 0 * jax.pure_callback(wait, shape, jax.lax.stop_gradient(x))

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), Slow()])
    model.compile("sgd", "mse", jit_compile=True)
    x = np.ones((STEPS * BATCH, 5), "float32")
    speed = training.ThroughputLog(BATCH)
    callbacks = CallbackList([speed], model, epochs=2, steps=STEPS)
    options = {"batch_size": BATCH, "epochs": 2, "verbose": 0}
    model.fit(x, x[:, :3], callbacks=callbacks, **options)
    assert speed.figures["examples_per_second"] <= BATCH / 0.05
    assert len(speed._times) == STEPS
    assert min(speed._times) >= 0.045  # a step's, though none is waited for at once
    assert max(speed._times) < sum(speed._times) / 2


@pytest.mark.slow_on("tensorflow", "jax")
@pytest.mark.parametrize("in_a_row", [1, 2, 3])
@pytest.mark.parametrize("bad", [(), (0,), (5,), (1, 3), (2, 3), (3, 4, 5), (0, 1, 5)])
def test_lost_steps_end_a_training_where_they_did(bad, in_a_row):
    assert_ends_as_with_keras(bad, in_a_row, 1)


@pytest.mark.skipif(BACKEND == "torch", reason="one step per execution on torch")
@pytest.mark.parametrize(
    "in_a_row", [pytest.param(1, marks=pytest.mark.slow_on("tensorflow", "jax")), 3]
)
@pytest.mark.parametrize("bad", [(1,), (0, 1), (1, 2, 3), (2, 3, 4), (4, 5)])
def test_lost_steps_end_it_too_where_three_are_taken_at_once(bad, in_a_row):
    assert_ends_as_with_keras(bad, in_a_row, 3)


def assert_ends_as_with_keras(bad, in_a_row, taken):
    found = []
    for late in (True, False):
        lost, steps = SkipNonFinite(in_a_row), Heard(late=True)
        told = ""
        try:
            fit([lost, steps], bad, 2, late, taken, validate=True)
        except FloatingPointError as error:
            told = str(error)
        found.append((told, len(steps.logs), lost.state_dict()))
    gc.collect()  # what a fit that raised left behind, before TensorFlow traces again
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


@pytest.mark.parametrize("late", [True, False])
def test_lost_steps_are_counted_behind_an_evaluation_too(late):
    """One in the middle of an epoch has all metrics count anew."""
    lost = SkipNonFinite()

    class Evaluates(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.evaluate(*small_data(1), verbose=0)

    fit([lost, Evaluates()], (1, 4), late=late)
    assert lost.state_dict()["skipped"] == 2


def test_logs_are_flat_and_numbers():
    nested = {"b": {"a": 2, "c": ops.ones(())}, "a": {"loss": 9}}
    logs = StepLogs({**nested, "loss": 0.5, "note": "text"})
    assert sorted(logs) == ["a", "c", "loss", "note"]
    assert len(logs) == 4
    assert "b" not in logs
    assert dict(logs) == {"a": 2.0, "c": 1.0, "loss": 0.5, "note": "text"}
    assert repr(logs).startswith("StepLogs({'loss': 0.5")


class LosesTheSecondStep(PackedBatches):
    """Batches of which the second one of every epoch has a weight that is no number."""

    def batch(self, epoch, step, share=None):
        inputs, labels, weights = super().batch(epoch, step, share)
        weights[0] += np.nan if step == 1 else 0
        return inputs, labels, weights


@pytest.mark.slow_on("jax")
@pytest.mark.skipif(BACKEND == "tensorflow", reason="its dataset does not call `batch`")
@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("cut", [None, (3, False), (5, True), (6, False), (7, False)])
def test_a_training_that_is_taken_up_counts_lost_steps_once(cut, late, tmp_path):
    stream = resumed.tokens(300, 1)
    sizes = resumed.LENGTH, 3

    def train(*others):
        training.set_seed(3)
        order = BlockOrder(len(stream), *sizes, seed=3, steps_per_epoch=5)
        data = TokenDataset(LosesTheSecondStep(stream, order))
        lost, model = SkipNonFinite(2), resumed.model()
        saves = training.Checkpoints(tmp_path, data, [lost], every_steps=1)
        callbacks = [lost, saves, *others]
        if late:
            callbacks = CallbackList(callbacks, model, epochs=2, steps=5)
        options = {"epochs": 2, "shuffle": False, "verbose": 0}
        validation = resumed.batches(shuffle=False)
        try:
            model.fit(data, validation_data=validation, callbacks=callbacks, **options)
        finally:
            saves.close()  # what a cut left being written ends before the next life
        return lost.state_dict()

    if cut:
        with pytest.raises(resumed.Cut):
            train(resumed.CutOff(*cut))
    assert train() == {"skipped": 2, "steps": 10}


def test_a_list_tells_of_steps_before_any_epoch():
    class Hears(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.logs = dict(logs)

    hears = Hears()
    CallbackList([hears], small_model(), epochs=1, steps=2).on_train_batch_end(
        0, {"loss": 0.5}
    )
    assert hears.logs == {"loss": 0.5}
