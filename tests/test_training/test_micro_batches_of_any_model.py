"""Micro-batches of any Keras model: what its layers add, draw, take and hide."""

import functools

import keras
import numpy as np
import pytest

from kzoo import training
from kzoo.errors import InputError
from kzoo.layers import Dropout

in_parts = functools.partial(training.strategy, "none")


def fitted(make, strategy, *, x=None, method="fit", **options):
    """Train a functional model, and return its loss, weights and outputs."""
    training.set_seed(3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 3)).astype("float32") if x is None else x
    y = rng.normal(size=(8, 2)).astype("float32")
    with strategy.scope():
        model = training.distributed(keras.Model(*make()))
        model.compile(keras.optimizers.SGD(0.1), **{"loss": "mse", **options})
    if method == "fit":
        loss = model.fit(x, y, batch_size=4, shuffle=False, verbose=0).history["loss"]
    else:
        loss = [float(model.train_on_batch(x, y)), float(model.test_on_batch(x, y))]
    predicted = model.predict(x, batch_size=4, verbose=0)
    return [np.array(loss), *model.get_weights(), predicted]


def assert_parts_as_whole(make, **options):
    whole = fitted(make, training.strategy("none"), **options)
    ways = [in_parts(micro_batches=2)]
    if keras.backend.backend() == "jax":
        ways.append(two_devices())
    for way in ways:
        parts = fitted(make, way, **options)
        for value, expected in zip(parts, whole, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def two_devices():
    return training.strategy("data-parallel", devices=2, micro_batches=2)


class Added(keras.layers.Layer):
    """Adds a mean over rows to the loss."""

    def call(self, inputs):
        self.add_loss(keras.ops.mean(inputs**2))
        return inputs


@pytest.mark.parametrize("loss", ["mse", None])
def test_losses_that_layers_add_count_once(loss):
    def make():
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(4, activity_regularizer="l2")(inputs)
        return inputs, Added()(keras.layers.Dense(2)(hidden))

    assert_parts_as_whole(make, loss=loss)


def test_a_dropout_that_is_called_twice():
    """Its second call draws other entries than the first, in every part."""

    def make():
        inputs = keras.Input((3,))
        drop = Dropout(0.5, seed=3)
        hidden = drop(keras.layers.Dense(6)(inputs))
        return inputs, keras.layers.Dense(2)(drop(hidden))

    assert_parts_as_whole(make)


def test_an_input_without_elements():
    def make():
        inputs = [keras.Input((0,)), keras.Input((3,))]
        return inputs, keras.layers.Dense(2)(keras.layers.Concatenate()(inputs))

    x = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    assert_parts_as_whole(make, x=[np.zeros((8, 0), "float32"), x])


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="runs in the JAX pass")
@pytest.mark.parametrize("rows", [4, 5])
def test_statistics_are_the_mean_of_the_devices(rows):
    """Also where the last batch has no row for the second one."""
    x = np.random.default_rng(1).normal(2, 3, size=(rows, 3)).astype("float32")
    with two_devices().scope():
        inputs = keras.Input((3,))
        norm = keras.layers.BatchNormalization(momentum=0.9)
        model = training.distributed(keras.Model(inputs, norm(inputs)))
        model.compile("sgd", "mse")
    model.fit(x, x, batch_size=4, shuffle=False, verbose=0)
    of_devices = [0.1 * x[:2].mean(0), 0.1 * x[2:4].mean(0)]
    if rows == 5:
        of_devices = [np.mean(of_devices, axis=0)] * 2
        of_devices[0] = 0.9 * of_devices[0] + 0.1 * x[4]
    expected = np.mean(of_devices, axis=0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), expected, rtol=1e-5)


def test_single_batches_are_cut_as_well():
    def make():
        inputs = keras.Input((3,))
        return inputs, keras.layers.Dense(2)(inputs)

    assert_parts_as_whole(make, method="on_batch")


@pytest.mark.parametrize("absent", [False, True])
def test_several_inputs_are_cut_and_some_may_be_absent(absent):
    rng = np.random.default_rng(1)
    x = {name: rng.normal(size=(8, 3)).astype("float32") for name in ("a", "b")}

    class Sum(keras.layers.Layer):
        def call(self, first, second=None):
            return first if second is None else first + second

    def make():
        a = keras.Input((3,), name="a")
        b = keras.Input((3,), name="b", optional=True)
        return {"a": a, "b": b}, keras.layers.Dense(2)(Sum()(a, b))

    assert_parts_as_whole(make, x={**x, "b": None} if absent else x)


def test_a_list_of_inputs_is_predicted():
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(8, 3)).astype("float32") for _ in range(2)]

    def make():
        inputs = [keras.Input((3,)), keras.Input((3,))]
        return inputs, keras.layers.Dense(2)(keras.layers.Add()(inputs))

    assert_parts_as_whole(make, x=x)


def test_parts_are_computed_one_by_one():
    """Training, evaluation and prediction: no call sees a whole batch."""
    seen = set()

    class Watch(keras.layers.Layer):
        def call(self, inputs):
            seen.add(inputs.shape[0])
            return inputs * 1.0

    with in_parts(micro_batches=2).scope():
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(2)(Watch()(inputs))
        model = training.distributed(keras.Model(inputs, outputs))
        model.compile("sgd", "mse")
    x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
    for rows in (8, 6):  # what a model sees when it is built is of the first size
        for method in (model.train_on_batch, model.test_on_batch):
            method(x[:rows], y[:rows])
        model.predict_on_batch(x[:rows])
    assert 3 in seen or None in seen
    assert 6 not in seen


def test_scales_of_float8_are_refused():
    with in_parts(micro_batches=2).scope():
        inputs = keras.Input((16,))
        model = keras.Model(inputs, keras.layers.Dense(16)(inputs))
        model.layers[1].quantize("float8")
        model = training.distributed(model)
        model.compile("sgd", "mse")
    x = np.ones((4, 16), "float32")
    with pytest.raises(InputError, match="a scale of float8"):
        model.fit(x, x, batch_size=4, verbose=0)


def test_masks_of_outputs_are_refused():
    """They would have to be known before the first part counts."""
    with in_parts(micro_batches=2).scope():
        inputs = keras.Input((3,), dtype="int32")
        z = keras.layers.Embedding(5, 4, mask_zero=True)(inputs)
        model = training.distributed(keras.Model(inputs, keras.layers.Dense(2)(z)))
        model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "int32"), np.ones((4, 3, 2), "float32")
    with pytest.raises(InputError, match="Pass sample_weight in place of masks"):
        model.fit(x, y, batch_size=4, verbose=0)
