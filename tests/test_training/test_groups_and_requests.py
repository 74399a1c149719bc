"""Requests of checkpoints, and what processes of a group agree on, in one process."""

import os
import signal

import keras
import numpy as np
import pytest
from support import resumed
from support.small_fits import small_fit, small_model

from kzoo.errors import InputError
from kzoo.training import Checkpoints, InterruptBetweenSteps
from kzoo.training.checkpoints import random_state
from kzoo.training.distribution import group, jax_processes

BACKEND = keras.backend.backend()


class Peers:
    """The other process of a group of two, which answers what it is asked."""

    def __init__(self, rank, answer):
        self.asked, self.answer = [], answer
        self.group = group.Group(rank, 2, self.add)

    def add(self, number):
        self.asked.append(number)
        return number + self.answer(len(self.asked), number)


@pytest.fixture
def join():
    """Make this process one of two, until the test ends."""

    def make(rank=1, answer=lambda count, number: 0):
        peers = Peers(rank, answer)
        group.join(peers.group)
        return peers

    yield make
    group.join(group.Group())


class Steps(keras.callbacks.Callback):
    """Calls something at one step, and counts all."""

    def __init__(self, step=0, call=lambda: None, validating=False):
        super().__init__()
        self.step, self.call, self.validating, self.steps = step, call, validating, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step and not self.validating:
            self.call()

    def on_test_batch_end(self, batch, logs=None):
        if self.validating and self.steps == self.step:
            self.validating = False
            self.call()


def fit(saves, *callbacks, epochs=3, validate=False):
    model = resumed.model()
    return model.fit(
        saves.data,
        epochs=epochs,
        validation_data=resumed.batches(shuffle=False) if validate else None,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )


def checkpoints(folder, **options):
    return Checkpoints(folder, resumed.batches(), **{"every_seconds": None, **options})


def interrupted(saves):
    return InterruptBetweenSteps(saves.request, ready=lambda: saves.answered)


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_request_that_comes_while_others_are_asked_is_not_forgotten(tmp_path, join):
    saves = checkpoints(tmp_path)

    def answer(count, number):
        if count == 2:  # within the first question after the beginning
            saves.request()
        return 0

    join(answer=answer)
    interruption, counted = interrupted(saves), Steps()
    told = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: setattr(interruption, "requested", True)
    )
    with interruption, pytest.raises(KeyboardInterrupt):
        fit(saves, told, saves, interruption, counted, epochs=9)
    # Asked at the epoch's beginning behind step 5, where it came, and at step 10.
    assert (saves.step, counted.steps, saves.answered) == (10, 9, True)


@pytest.mark.parametrize("mine", [True, False])
def test_a_step_that_is_due_is_agreed_on(mine, tmp_path, join):
    """At step 4 no process asks but for that; whoever was told, both end."""
    saves = checkpoints(tmp_path, every_steps=4)
    peers = join(answer=lambda count, number: int(count == 2 and not mine))
    interruption = interrupted(saves)
    told = Steps(3, press if mine else lambda: setattr(interruption, "requested", True))
    with interruption, pytest.raises(KeyboardInterrupt):
        fit(saves, told, saves, interruption)
    # All are there, whether it is asked for, whether it is due, all have written.
    assert peers.asked == [0, int(mine), 1, 0]
    assert saves.answered
    assert saves.step == 4


def test_nobody_asked_goes_on(tmp_path, join):
    saves = checkpoints(tmp_path, every_steps=4)
    join()
    fit(saves, saves)
    assert not saves.answered
    assert saves.step == 15


def test_a_validation_of_a_group_goes_on_to_where_all_agree(tmp_path, join):
    saves = checkpoints(tmp_path)
    peers = join()
    interruption, counted = interrupted(saves), Steps(5, press, validating=True)
    with interruption, pytest.raises(KeyboardInterrupt):
        fit(saves, counted, saves, interruption, validate=True)
    assert (counted.steps, saves.step) == (6, 6)  # saved before it, ended behind it
    assert peers.asked == [0, 1, 0, 0]
    assert saves._held is None


def test_a_group_goes_on_from_one_checkpoint(tmp_path, join):
    fit(first := checkpoints(tmp_path), first, epochs=1)
    join(answer=lambda count, number: number)
    fit(same := checkpoints(tmp_path), same, epochs=1)
    join(answer=lambda count, number: 3 if count == 1 else number)
    with pytest.raises(InputError, match="step 5 in process 1 of 2"):
        fit(other := checkpoints(tmp_path), other, epochs=1)


def test_a_validation_of_one_process_ends_at_once(tmp_path):
    saves = checkpoints(tmp_path)
    interruption, counted = interrupted(saves), Steps(5, press, validating=True)
    with interruption, pytest.raises(KeyboardInterrupt):
        fit(saves, counted, saves, interruption, validate=True)
    saves.close()
    assert counted.steps == 5
    assert saves.store.newest().state["place"]["epoch_step"] == 5


def test_each_fit_answers_requests_anew(tmp_path):
    saves = checkpoints(tmp_path)
    interruption = interrupted(saves)
    for end in (3, 7):
        counted = Steps(3 if end == 3 else 4, press)
        with interruption, pytest.raises(KeyboardInterrupt):
            fit(saves, counted, saves, interruption)
        assert (saves.step, saves.answered) == (end, True)
    with interruption:
        fit(saves, saves, interruption)
    assert (saves.step, saves.answered) == (15, False)
    assert not interruption.requested


def test_a_fit_that_raised_has_ended_writing_when_the_next_begins(tmp_path):
    saves = checkpoints(tmp_path, every_steps=1)

    def cut():
        raise resumed.Cut

    for _ in range(2):
        with pytest.raises(resumed.Cut):
            fit(saves, saves, Steps(3, cut))
    assert saves.step == 6
    fit(saves, saves)
    assert saves.step == 15


def test_a_pipe_that_is_gone_does_not_keep_ctrl_c_from_being_heard():
    def broken():
        raise BrokenPipeError

    interruption = InterruptBetweenSteps(broken)
    counted = Steps(2, press)
    with interruption, pytest.raises(KeyboardInterrupt):
        small_fit(small_model(), counted, interruption)
    assert counted.steps == 2


def test_what_a_disk_does_not_read_is_passed_over(tmp_path, monkeypatch):
    from kzoo.training.checkpoints import reading

    saves = checkpoints(tmp_path, every_steps=4)
    fit(saves, saves, epochs=1)
    newest, before = saves.store.list()
    inner = reading.verify

    def verify(folder):
        if folder == newest:
            raise OSError(5, "Input/output error")
        inner(folder)

    monkeypatch.setattr(reading, "verify", verify)
    with pytest.warns(UserWarning, match=f"{newest}: Input/output error"):
        assert saves.store.newest().folder == before


@pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch's generators of GPUs")
def test_the_generators_of_gpus_are_kept(monkeypatch):
    import torch

    states = [torch.arange(5, dtype=torch.uint8), torch.ones(5, dtype=torch.uint8)]
    found = {}
    for name, value in (
        ("is_available", lambda: True),
        ("device_count", lambda: 2),
        ("get_rng_state_all", lambda: states),
        ("set_rng_state", lambda state, index: found.update({index: state})),
    ):
        monkeypatch.setattr(torch.cuda, name, value)
    random_state.set_random_state(random_state.random_state())
    assert [found[index].tolist() for index in (0, 1)] == [x.tolist() for x in states]
    assert np.asarray(found[0]).dtype == "uint8"


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("told", "size"),
    [
        ({}, 1),
        ({"KERAS_DISTRIBUTION_NUM_PROCESSES": "3"}, 3),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 1),  # the script around srun
        (
            {
                "SLURM_NTASKS": "4",
                "SLURM_PROCID": "2",
                "SLURM_STEP_NODELIST": "node[1-2]",
            },
            4,
        ),
    ],
)
def test_what_the_environment_says_of_processes_of_jax(told, size, monkeypatch):
    for name in ("SLURM_NTASKS", "SLURM_PROCID", "SLURM_STEP_NODELIST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert jax_processes.processes_told() == size
