"""Training on two devices of TensorFlow, against training on one."""

import types

import keras
import numpy as np
import pytest
from support import several_outputs
from support.language_models import random_stream
from support.small_fits import mean_squares
from support.trainings import (
    FAMILIES,
    data_of,
    difference,
    every_way,
    inputs_of,
    trained,
)

from kzoo import layers, training
from kzoo.data import packed
from kzoo.errors import InputError
from kzoo.layers import global_rows
from kzoo.training.distribution import Share

tensorflow_only = pytest.mark.tensorflow_only

# What an entry may differ by, as a share of the greatest one of its weight.
TOLERANCE = 1e-6


def assert_same_training(family, *, tolerance=TOLERANCE, **options):
    one, history = trained(family, "none", **options)
    two, shared = trained(family, "mirrored", **options)
    assert two.distribute_strategy.num_replicas_in_sync == 2
    assert difference(one, two) < tolerance
    assert history.keys() == shared.keys()
    for name, values in history.items():
        np.testing.assert_allclose(shared[name], values, rtol=10 * tolerance)
    return one, two


@pytest.mark.parametrize("size", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_the_batch(size, count):
    rows = np.arange(size)
    parts = [rows[Share(index, count).rows(size)] for index in range(count)]
    expected = np.array_split(rows, count)
    assert all(map(np.array_equal, parts, expected))


@pytest.mark.parametrize("family", FAMILIES)
def test_shares_of_data_are_the_data(family):
    """Counted: no row is left out or there twice, and widths are those of the batch."""
    batches = data_of(family, count=11).batches
    for step in range(len(batches)):
        whole = keras.tree.flatten(batches.batch(1, step))
        parts = [
            keras.tree.flatten(batches.batch(1, step, Share(index, 3)))
            for index in range(3)
        ]
        joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        assert all(map(np.array_equal, joined, whole))


@tensorflow_only
@pytest.mark.parametrize("local", [(0, 1, 2), (1,)])
@pytest.mark.parametrize("drop_remainder", [None, False])
def test_shares_of_known_shapes_have_them(monkeypatch, local, drop_remainder):
    """One process makes whole batches, one of several its own rows."""
    from kzoo.training.distribution import tensorflow_data

    native = types.SimpleNamespace(num_replicas_in_sync=3)
    monkeypatch.setattr(tensorflow_data, "local_replicas", lambda _: list(local))
    data = packed(random_stream(7 * 40), 7, batch_size=5, drop_remainder=drop_remainder)
    shares = tensorflow_data.shared(data, native)
    known = [[2, 2, 1][index] for index in local] if drop_remainder is None else [None]
    for part in keras.tree.flatten(shares.element_spec):
        assert part.shape[0] in known
        assert part.shape[1] == 7
    whole = keras.tree.flatten(data.batches.batch(0, 1))
    _, found = zip(range(2), shares, strict=False)
    parts = [keras.tree.flatten(part) for part in found[1][tensorflow_data.SHARES]]
    for index, part in zip(local, parts, strict=True):
        rows = Share(index, 3).rows(5)
        assert all(map(np.array_equal, part, (array[rows] for array in whole)))


@pytest.mark.parametrize("noise_shape", [None, (None, None, 1), (1, None, None)])
def test_dropout_of_rows_is_that_of_the_batch(noise_shape):
    x = np.ones((7, 5, 3), "float32")

    def drop(rows, start=None):
        layer = layers.Dropout(0.5, noise_shape=noise_shape, seed=3)
        if start is None:
            return keras.ops.convert_to_numpy(layer(rows, training=True))
        with global_rows.of_global_batch(start, 7):
            return keras.ops.convert_to_numpy(layer(rows, training=True))

    whole = drop(x)
    parts = [drop(x[:4], 0), drop(x[4:], 4)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)
    assert set(np.unique(whole)) == {0.0, 2.0}


def test_dropout_is_that_of_keras():
    x = np.ones((7, 5, 3), "float32")
    ours = layers.Dropout(0.3, seed=3)(x, training=True)
    theirs = keras.layers.Dropout(0.3, seed=3)(x, training=True)
    assert np.array_equal(
        keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
    )


def test_paths_of_rows_are_those_of_the_batch():
    x = np.ones((7, 5), "float32")
    whole = layers.DropPath(0.5, seed=3)(x, training=True)
    with global_rows.of_global_batch(4, 7):
        part = layers.DropPath(0.5, seed=3)(x[4:], training=True)
    whole, part = map(keras.ops.convert_to_numpy, (whole, part))
    assert np.array_equal(part, whole[4:])


@tensorflow_only
def test_two_devices_train_as_one():
    """With clipping, dropout, weights, accumulation, and a last batch of one row.

    Keras's own accumulation fails under a strategy (keras issue 20582).
    """
    data = {"count": 9, "batch_size": 4}
    options = {"data": data, "gradient_accumulation_steps": 2}
    one, two = assert_same_training("classifier", **options)
    train = data_of("classifier", **data)
    inputs, order = inputs_of(train), train.batches.order
    expected = one.predict(inputs, verbose=0)
    assert order.epoch == 1
    order.epoch = 0
    predicted = two.predict(inputs, verbose=0)
    assert order.epoch == 1  # it passed over them once
    assert predicted.shape == (9, 3)
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-6)


@tensorflow_only
def test_any_keras_model_trains_as_on_one_device():
    """Arrays, a regulariser, sparse gradients of a table, several steps in one."""
    one, history = mean_squares(training.strategy("none"))
    two, shared = mean_squares(training.strategy("mirrored"), steps_per_execution=2)
    assert difference(one, two) < TOLERANCE
    for name, values in history.items():
        np.testing.assert_allclose(shared[name], values, rtol=1e-5)


@tensorflow_only
def test_each_output_has_its_loss():
    expected = several_outputs.trained(training.strategy("none"))
    found = several_outputs.trained(training.strategy("mirrored"))
    several_outputs.assert_same(found, expected)


@pytest.mark.slow
@tensorflow_only
@pytest.mark.parametrize("family", FAMILIES)
@every_way
def test_fifty_steps_on_two_devices(family, options, tolerance):
    assert_same_training(family, epochs=17, tolerance=tolerance, **options)


@pytest.mark.parametrize("name", ["tpu", "parameter-server"])
def test_what_is_refused(name):
    with pytest.raises(InputError, match=f"strategy='{name}'"):
        training.strategy(name)


@tensorflow_only
@pytest.mark.parametrize(
    ("config", "match"),
    [
        (None, "TF_CONFIG not set"),
        ("{", "TF_CONFIG="),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "=",
        ),
        (
            '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
            "TF_CONFIG=",
        ),
    ],
)
def test_workers_must_be_named(config, match, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError, match=match):
        training.strategy("multiworker")


def test_what_is_no_model_cannot_be_distributed():
    with pytest.raises(InputError, match="model of type int"):
        training.distributed(3)
