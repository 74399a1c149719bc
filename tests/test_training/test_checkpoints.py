"""A training that is cut off and gone on with ends with the same bits."""

import functools
import json
import pathlib
import random
import shutil
import tempfile

import keras
import numpy as np
import pytest
from support.resumed import STEPS, VOCABULARY, Cut, CutOff, batches, model, train

from kzoo.errors import InputError
from kzoo.training import Checkpoints, HistoryLog, StopAtStep

SLOW = pytest.mark.slow_on("tensorflow", "jax")

ALL_SLOTS = {"use_ema": True, "ema_momentum": 0.8, "gradient_accumulation_steps": 2}


@functools.cache
def undisturbed(stop=100, **slots):
    with tempfile.TemporaryDirectory() as name:
        return train(pathlib.Path(name), stop=stop, **slots)


def saved(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("every", "cut", "found"),
    [
        (2, (4,), "step-000000004"),  # in the middle of an epoch
        pytest.param(
            *(3, (5, True), "step-000000003"), marks=SLOW
        ),  # in the validation
        (5, (5, True), "step-000000005"),  # all steps are done, their end is not
        pytest.param(*(1, (STEPS + 1,), "step-000000006"), marks=SLOW),
        (7, (13,), "step-000000007"),
    ],
)
def test_the_same_bits(every, cut, found, tmp_path):
    assert train(tmp_path, cut, every=every) is None
    assert saved(tmp_path)[-1] == found
    assert train(tmp_path, every=every) == undisturbed()
    assert saved(tmp_path)[-1] == f"step-{3 * STEPS:09d}-final"


def test_a_training_that_is_cut_off_before_its_first_checkpoint(tmp_path):
    for steps in (3, 4):
        assert train(tmp_path, (steps,), every=9) is None
        assert saved(tmp_path) == ["start"]
    assert train(tmp_path, every=9) == undisturbed()


def test_other_parts_before_the_first_checkpoint(tmp_path):
    assert train(tmp_path, (3,), every=9) is None
    history, other = HistoryLog(tmp_path), StopAtStep(9)
    for parts in ([other, history], [other]):
        saves = Checkpoints(tmp_path / "checkpoints", batches(), parts)
        with pytest.raises(Cut):
            fit(saves, callbacks=[*parts, saves, CutOff(2)])
    assert (tmp_path / "history.jsonl").read_bytes() == b""


def test_a_damaged_start_is_told_of(tmp_path):
    saves = Checkpoints(tmp_path, batches(), [StopAtStep(9)])
    with pytest.raises(Cut):
        fit(saves, callbacks=[saves, CutOff(2)])
    assert list(saves.store.start().state["parts"]) == ["StopAtStep"]
    (tmp_path / "start" / "state.json").write_text("{}")
    with pytest.warns(UserWarning, match="start/state.json: 2 bytes"):
        assert saves.store.start() is None


@pytest.mark.slow_on("tensorflow")
def test_averages_and_accumulated_gradients_too(tmp_path):
    assert train(tmp_path, (3,), every=1, **ALL_SLOTS) is None
    assert train(tmp_path, (5,), every=1, **ALL_SLOTS) is None
    assert train(tmp_path, every=1, **ALL_SLOTS) == undisturbed(**ALL_SLOTS)


@pytest.mark.slow_on("tensorflow")
@pytest.mark.parametrize("cut", [(6,), (8, True)])
def test_a_training_that_stops_in_the_middle_of_an_epoch(cut, tmp_path):
    assert train(tmp_path, cut, every=4, stop=8) is None
    done = train(tmp_path, every=4, stop=8)
    assert done == undisturbed(stop=8)
    assert done["step"] == 8


def test_a_training_that_has_ended_does_nothing(tmp_path):
    first = train(tmp_path)
    assert first == undisturbed()
    # There is not even a step that a cut could come after.
    assert train(tmp_path, (1,)) == first


@pytest.mark.slow_on("jax")
def test_several_steps_at_once(tmp_path):
    if keras.backend.backend() == "torch":
        pytest.skip("Keras takes one step at a time on PyTorch")
    two = {"compiling": {"steps_per_execution": 2}}
    whole = train(tmp_path / "whole", **two)
    assert train(tmp_path / "cut", (2,), **two) is None
    assert saved(tmp_path / "cut") == ["step-000000002", "step-000000004"]
    again = train(tmp_path / "cut", **two)
    assert again == whole
    assert again["step"] == 3 * STEPS
    rows = [json.loads(line) for line in again["history"][1].splitlines()]
    steps = [row["step"] for row in rows if row["kind"] == "step"]
    assert steps == [2, 4, 5, 7, 9, 10, 12, 14, 15]


def test_each_batch_once_in_an_epoch(tmp_path):
    data = batches()
    order, taken = data.batches.order, []

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.at = order.epoch, order.start

        def on_train_batch_end(self, batch, logs=None):
            taken.append((self.at[0], self.at[1] + batch))

    def go(*more):
        saves = Checkpoints(tmp_path, data, every_steps=1)
        try:
            model().fit(
                data,
                epochs=2,
                callbacks=[saves, Note(), *more],
                shuffle=False,
                verbose=0,
            )
        except Cut:
            saves.close()

    go(CutOff(3))
    order.epoch = 7  # as if another process had begun
    go(CutOff(4))
    go()
    assert taken == [(epoch, step) for epoch in range(2) for step in range(STEPS)]


def test_random_numbers_of_the_process_too(tmp_path):
    drawn = {}

    class Draw(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            shared = keras.random.uniform(())  # of Keras's global generator
            row = (random.random(), np.random.random(), float(shared))
            drawn.setdefault(len(drawn), row)

    def go(*more):
        data = batches()
        saves = Checkpoints(tmp_path, data, every_steps=1)
        try:
            model().fit(
                data,
                epochs=1,
                callbacks=[Draw(), saves, *more],
                shuffle=False,
                verbose=0,
            )
        except Cut:
            saves.close()

    if keras.backend.backend() == "jax":
        pytest.skip("on JAX Keras's global generator cannot be used beside fit")
    go(CutOff(4))
    first = list(drawn.values())
    assert len(set(first)) == 4
    shutil.rmtree(tmp_path / "step-000000004")
    shutil.rmtree(tmp_path / "step-000000003")
    drawn.clear()
    go()
    # Taken up after the second step, the last three draw what they would have drawn.
    assert list(drawn.values())[:2] == first[2:]


def test_a_request_is_answered_after_the_step(tmp_path):
    data = batches()
    saves = Checkpoints(tmp_path, data, every_seconds=None)

    class Ask(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 1:
                saves.request()

        def on_train_batch_end(self, batch, logs=None):
            found.append([path.name for path in tmp_path.iterdir()])

    found = []
    model().fit(data, callbacks=[saves, Ask()], shuffle=False, verbose=0)
    assert found[:3] == [[], ["step-000000002"], ["step-000000002"]]
    assert saves.answered


def test_a_request_in_the_validation_saves_what_was_before_it(tmp_path):
    data = batches()
    saves = Checkpoints(tmp_path, data, every_seconds=None)

    class Ask(keras.callbacks.Callback):
        def on_test_batch_begin(self, batch, logs=None):
            saves.request()

        def on_test_batch_end(self, batch, logs=None):
            raise Cut

    with pytest.raises(Cut):
        model().fit(
            data,
            validation_data=batches(shuffle=False),
            callbacks=[saves, Ask()],
            shuffle=False,
            verbose=0,
        )
    saves.close()
    assert [path.name for path in tmp_path.iterdir()] == [f"step-{STEPS:09d}"]


@pytest.mark.slow_on("jax")
def test_without_data_epochs_are_whole(tmp_path):
    x = np.arange(12, dtype="float32").reshape(6, 2)

    def go(*more):
        small = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        small.compile("adam", "mse", jit_compile=False)
        small.set_weights([np.ones((2, 1)), np.zeros(1)])
        saves = Checkpoints(tmp_path, every_steps=1)
        try:
            small.fit(
                x, x[:, :1], batch_size=2, epochs=3, shuffle=False, verbose=0,
                callbacks=[saves, *more],
            )  # fmt: skip
        except Cut:
            saves.close()
        return small.get_weights()

    go(CutOff(5))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003-end"]
    found = go()
    for path in tmp_path.iterdir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    for one, two in zip(found, go(), strict=True):
        np.testing.assert_array_equal(one, two)


def fit(saves, made=None, **options):
    made = made or model()
    options = {"epochs": 1, "shuffle": False, "verbose": 0, **options}
    made.fit(saves.data or batches(), **{"callbacks": [saves], **options})


def test_another_model_is_refused(tmp_path):
    fit(Checkpoints(tmp_path, batches()))
    other = keras.Sequential([keras.layers.Embedding(VOCABULARY, VOCABULARY)])
    other.compile("adam", "sparse_categorical_crossentropy")
    other = model(keras.optimizers.SGD(0.1))
    with pytest.raises(InputError, match="optimizer that its checkpoint was saved of"):
        fit(Checkpoints(tmp_path, batches()), other)


def test_other_parts_are_refused(tmp_path):
    fit(Checkpoints(tmp_path, batches()))
    with pytest.raises(InputError, match=r"parts \['StopAtStep'\].*has \[\]"):
        fit(Checkpoints(tmp_path, batches(), [StopAtStep(9)]))


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match="every_steps=0"):
        Checkpoints(tmp_path, every_steps=0)
    with pytest.raises(InputError, match="keep=0"):
        Checkpoints(tmp_path, keep=0)
    with pytest.raises(InputError, match="data of type list"):
        Checkpoints(tmp_path, [1, 2])
    with pytest.raises(InputError, match="stop=object"):
        Checkpoints(tmp_path, parts={"stop": object()})
    with pytest.raises(InputError, match="fit with 2 steps, data with 5"):
        fit(Checkpoints(tmp_path, batches()), steps_per_epoch=2)
    fit(Checkpoints(tmp_path, batches()))
    with pytest.raises(InputError, match="a folder without checkpoints"):
        fit(Checkpoints(tmp_path, batches(), resume=False))


@pytest.mark.slow_on("tensorflow")
def test_a_history_that_was_lost_is_refused(tmp_path):
    train(tmp_path, (3,))
    for path in tmp_path.glob("history.*"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="history.jsonl of 0 bytes, while"):
        train(tmp_path)
