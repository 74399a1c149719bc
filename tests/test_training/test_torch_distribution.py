"""Training in several processes of PyTorch, against training in one."""

import json
import sys
import types

import keras
import numpy as np
import pytest
from support import several_outputs
from support.groups import assert_trains_as_one_process
from support.trainings import (
    FAMILIES,
    compiled,
    data_of,
    difference,
    every_way,
    model_of,
    optimizer_of,
    trained,
)

from kzoo import training
from kzoo.errors import InputError
from kzoo.training.distribution import launching
from kzoo.training.distribution.torch_steps import TorchSteps

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="runs in the PyTorch pass"
)


def test_two_processes_train_as_one(tmp_path):
    """With clipping, dropout, weights of tokens, and a share without rows."""
    options = {"epochs": 1, "data": {"count": 11, "batch_size": 5}}
    assert_trains_as_one_process("data-parallel", "classifier", tmp_path, **options)


def test_each_output_has_its_loss(tmp_path):
    """The last batch is one row: a process has none of it."""
    command = [sys.executable, several_outputs.__file__, "data-parallel", str(tmp_path)]
    assert launching.launch(command, 2) == 0
    expected = several_outputs.trained(training.strategy("none"))
    for rank in range(2):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        several_outputs.assert_same(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@every_way
def test_fifty_steps_of_two_processes(family, options, tolerance, tmp_path):
    options = {"epochs": 17, "data": {"count": 11, "batch_size": 5}, **options}
    assert_trains_as_one_process(
        "data-parallel", family, tmp_path, tolerance=tolerance, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_three_processes_train_as_one(family, tmp_path):
    assert_trains_as_one_process("data-parallel", family, tmp_path, workers=3)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_step_alone_is_that_of_keras(family, precision, monkeypatch):
    one, history = trained(family, precision=precision)
    monkeypatch.setattr(TorchSteps, "train_step", keras.Model.train_step)
    two, expected = trained(family, precision=precision)
    assert history == expected
    assert difference(one, two) == 0


def test_a_model_that_nothing_trains_says_so():
    training.set_seed(1)
    model = model_of("classifier")
    compiled("classifier", model, optimizer_of())
    model.trainable = False
    before = model.get_weights()
    batch = data_of("classifier").batches.batch(0, 0)
    with pytest.warns(UserWarning, match="No weight of the model is trainable"):
        model.train_step(batch)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_processes_must_be_named(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="no RANK, WORLD_SIZE"):
        training.strategy("data-parallel")


def test_a_process_has_one_device():
    with pytest.raises(InputError, match="devices=2"):
        training.strategy("data-parallel", devices=2)


def test_weights_are_not_cut_on_this_backend():
    with pytest.raises(InputError, match="strategy='model-parallel' on the torch"):
        training.strategy("model-parallel")


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        (["a", "b"], "cpu:gloo,cuda:nccl"),
        (["a", "a"], "gloo"),  # NCCL refuses two processes of one GPU
        (None, "gloo"),
    ],
)
def test_gradients_go_through_what_the_devices_have(gpus, expected, monkeypatch):
    import torch

    from kzoo.training.distribution.torch_strategy import _transports

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus is not None)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    store = torch.distributed.HashStore()
    found = []
    for rank in (1, 0):
        if gpus is not None:
            told = types.SimpleNamespace(uuid=gpus[rank])
            monkeypatch.setattr(
                torch.cuda, "get_device_properties", lambda index, told=told: told
            )
            store.set(f"kzoo/gpu/{1 - rank}", gpus[1 - rank])  # the other one's
        found.append(_transports(store, rank, 2))
    assert found == [expected] * 2
