"""Batches that are computed in parts, against batches that are computed whole."""

import functools

import keras
import numpy as np
import pytest
from support import several_outputs
from support.groups import assert_trains_as_one_process
from support.language_models import random_stream
from support.small_fits import mean_squares
from support.trainings import (
    FAMILIES,
    data_of,
    difference,
    inputs_of,
    model_of,
    trained,
)

import kzoo.data
from kzoo import training
from kzoo.errors import InputError
from kzoo.layers import Dropout, global_rows
from kzoo.models import GPT2CausalLM
from kzoo.training.distribution import Share
from kzoo.training.distribution.shares import of_replica

BACKEND = keras.backend.backend()
TWO = {"tensorflow": "mirrored", "jax": "data-parallel", "torch": "data-parallel"}
HALF = ("mixed_bfloat16", "mixed_float16")

in_parts = functools.partial(training.strategy, "none")


@pytest.fixture(autouse=True)
def _compile_quickly():
    """Leave out what makes programs of a few steps slower to compile than to run."""
    if BACKEND != "jax":
        yield
        return
    jax_compiles_well(False)
    yield
    jax_compiles_well()


def jax_compiles_well(well=True):
    import jax

    jax.config.update("jax_disable_most_optimizations", not well)


def assert_same_training(expected, found, tolerance=1e-6):
    (one, history), (parts, other) = expected, found
    assert difference(one, parts) < tolerance
    assert history.keys() == other.keys()
    for name, values in history.items():
        np.testing.assert_allclose(other[name], values, rtol=10 * tolerance)


@pytest.mark.parametrize("size", [0, 1, 5, 13])
@pytest.mark.parametrize("micro_batches", [1, 3, 6])
def test_parts_of_replicas_are_the_batch(size, micro_batches):
    """Whoever computes them: they are those of as many replicas."""
    shares = [of_replica(index, 3, micro_batches) for index in range(3)]
    parts = [part for share in shares for part in share.parts()]
    assert parts == [Share(index, max(micro_batches, 3)) for index in range(len(parts))]
    rows = np.arange(size)
    whole = np.concatenate([rows[share.rows(size)] for share in shares])
    assert np.array_equal(whole, rows)
    for share in shares:
        own = np.concatenate([rows[part.rows(size)] for part in share.parts()])
        assert np.array_equal(own, rows[share.rows(size)])


@pytest.mark.slow_on("tensorflow", "jax")
@pytest.mark.parametrize("micro_batches", [2, 9])
def test_parts_train_as_the_batch(micro_batches):
    """With clipping, dropout, weights of rows, and fewer rows than parts."""
    data = {"count": 9, "batch_size": 4}
    options = {"data": data, "gradient_accumulation_steps": 2}
    whole = trained("classifier", **options)
    parts = trained("classifier", in_parts(micro_batches=micro_batches), **options)
    assert_same_training(whole, parts)
    inputs = inputs_of(data_of("classifier", **data))
    expected = whole[0].predict(inputs, verbose=0)
    found = parts[0].predict(inputs_of(data_of("classifier", **data)), verbose=0)
    assert found.shape == (9, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_fifty_steps_in_parts(family):
    options = {"epochs": 17}
    whole = trained(family, **options)
    assert_same_training(whole, trained(family, in_parts(micro_batches=3), **options))


@pytest.mark.slow_on("tensorflow")
@pytest.mark.skipif(BACKEND == "torch", reason="devices are processes on PyTorch")
def test_parts_of_one_device_round_as_two_devices():
    """Half precision rounds gradients of activations, whose sums depend on the rows."""
    two, parts = as_two_devices("gpt2", precision="mixed_float16")
    assert difference(two[0], parts[0]) == 0
    assert_same_training(two, parts)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="devices are processes on PyTorch")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", ["float32", *HALF])
def test_fifty_steps_in_parts_are_those_of_two_devices(family, precision):
    """To the bit, at a rate at which whole batches part by some thousandths."""
    if BACKEND == "jax":
        jax_compiles_well()
    two, parts = as_two_devices(family, precision=precision, epochs=17)
    assert difference(two[0], parts[0]) == 0
    assert_same_training(two, parts)


@pytest.mark.tensorflow_only
def test_batches_of_known_shapes_are_rewritten_as_those_of_two_devices():
    """To the bit: TensorFlow rewrites a graph further where it knows the shapes."""

    def weights(strategy):
        training.set_seed(5)
        with strategy.scope():
            model = GPT2CausalLM(29, 64, 2, 2, 64)
            training.compile_language_model(model, keras.optimizers.SGD(0.1))
        stream = random_stream(30 * 64, vocabulary=29)
        options = {"padding_mask": False, "steps_per_epoch": 1, "seed": 0}
        batches = kzoo.data.packed(stream, 64, batch_size=12, **options)
        assert batches.element_spec[1].shape == (12, 64)
        model.fit(batches, verbose=0)
        return model.get_weights()

    two = weights(training.strategy("mirrored", devices=2))
    for expected, found in zip(two, weights(in_parts(micro_batches=2)), strict=True):
        np.testing.assert_array_equal(found, expected)


def as_two_devices(family, **options):
    """Train on two devices, and on one in two parts."""
    two = training.strategy(TWO[BACKEND], devices=2, micro_batches=2)
    parts = in_parts(micro_batches=2)
    return trained(family, two, **options), trained(family, parts, **options)


@pytest.mark.skipif(BACKEND != "torch", reason="runs in the PyTorch pass")
@pytest.mark.parametrize(
    ("family", "precision", "epochs"),
    [
        ("gpt2", "mixed_float16", 1),
        *(
            pytest.param(family, precision, 17, marks=pytest.mark.slow)
            for family in FAMILIES
            for precision in ("float32", *HALF)
        ),
    ],
)
def test_parts_of_one_process_are_those_of_two(family, precision, epochs, tmp_path):
    """To the bit: losses and weights, fifty steps at a rate at which others part."""
    options = {"epochs": epochs, "precision": precision}
    assert_trains_as_one_process(
        "data-parallel", family, tmp_path, micro_batches=2, tolerance=1e-30, **options
    )


@pytest.mark.skipif(BACKEND != "torch", reason="runs in the PyTorch pass")
def test_two_processes_compute_parts_each(tmp_path):
    """The last batch is one row: a process has none of it."""
    options = {"epochs": 1, "data": {"count": 11, "batch_size": 5}}
    assert_trains_as_one_process(
        "data-parallel", "classifier", tmp_path, micro_batches=4, **options
    )


def test_each_output_has_its_loss():
    expected = several_outputs.trained(training.strategy("none"))
    found = several_outputs.trained(in_parts(micro_batches=3))
    several_outputs.assert_same(found, expected)


def assert_same_squares(expected, found):
    (one, history), (other, values) = expected, found
    assert difference(one, other) < 1e-6
    for name, value in history.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-5, atol=1e-6)


def test_any_keras_model_trains_in_parts():
    """The last batch has fewer rows than parts."""
    whole = mean_squares(training.strategy("none"))
    several = 1 if BACKEND == "torch" else 2
    parts = mean_squares(in_parts(micro_batches=3), steps_per_execution=several)
    assert_same_squares(whole, parts)


@pytest.mark.skipif(BACKEND == "torch", reason="devices are processes on PyTorch")
@pytest.mark.parametrize("cut", [False, True], ids=["rows", "weights"])
def test_two_devices_compute_parts_each(cut):
    """The last batch is one row, of which the second device has none."""
    name, options = TWO[BACKEND], {"devices": 2}
    if cut:
        if BACKEND != "jax":
            pytest.skip("weights are cut by JAX alone")
        layouts = {".+/embeddings": (None, "model"), ".+/kernel": ("model", None)}
        name, options = "model-parallel", {"layouts": layouts, "mesh": "2x2"}
    two = training.strategy(name, micro_batches=4, **options)
    assert two.num_replicas_in_sync == 2
    whole = mean_squares(training.strategy("none"))
    assert_same_squares(whole, mean_squares(two))


def test_a_lost_step_of_parts_leaves_no_trace():
    """One row of one part has a weight that is no number."""

    def fitted(weights):
        training.set_seed(3)
        with in_parts(micro_batches=2).scope():
            inputs = keras.Input((3,))
            model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
            model = training.distributed(model)
            model.compile(keras.optimizers.Adam(0.1), "mse")
        x = np.arange(12.0, dtype="float32").reshape(4, 3)
        skipping = training.SkipNonFinite()
        before = model.get_weights()
        model.fit(
            x, x[:, :1], sample_weight=weights, batch_size=4, shuffle=False,
            callbacks=[skipping], verbose=0,
        )  # fmt: skip
        same = map(np.array_equal, before, model.get_weights())
        return skipping.skipped, all(same)

    assert fitted(np.array([1.0, 1.0, 1.0, 1.0], "float32")) == (0, False)
    for place in (0, 3):
        weights = np.ones(4, "float32")
        weights[place] = np.nan
        assert fitted(weights) == (1, True)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dropout_of_parts_is_that_of_the_batch(seed, dtype):
    """Half precision too; and the next batch's is another one."""
    x = keras.ops.cast(np.linspace(1, 2, 42).reshape(7, 6), dtype)

    def drops(parts):
        keras.utils.set_random_seed(4)
        layer, batches = Dropout(0.1, seed=seed, dtype=dtype), []
        for _ in range(2):
            found = []
            for start, stop in parts:
                last = stop == 7
                own = global_rows.of_global_batch(start, 7, last)
                with standing(last), own as rows:
                    found.append(layer(x[start:stop], training=True))
                global_rows.put_back(rows)
            batches.append(keras.ops.convert_to_numpy(keras.ops.concatenate(found)))
        return batches

    whole, other = drops([(0, 7)])
    assert not np.array_equal(whole, other)
    parts = drops([(0, 3), (3, 6), (6, 7)])
    assert np.array_equal(parts, [whole, other])
    keras.utils.set_random_seed(4)
    of_keras = Dropout(0.1, seed=seed, dtype=dtype)(x, training=True)
    assert np.array_equal(whole, keras.ops.convert_to_numpy(of_keras))


def standing(last):
    """Have torch's own generators stand still, as its steps do."""
    import contextlib

    import torch

    return contextlib.nullcontext() if last else torch.random.fork_rng()


@pytest.mark.parametrize("count", [0, -2])
def test_there_must_be_a_part(count):
    with pytest.raises(InputError, match=f"micro_batches={count}, 1 device"):
        training.strategy("none", micro_batches=count)


@pytest.mark.skipif(BACKEND == "torch", reason="devices are processes on PyTorch")
def test_devices_have_as_many_parts():
    with pytest.raises(InputError, match="micro_batches=3, 2 devices"):
        training.strategy(TWO[BACKEND], devices=2, micro_batches=3)


def test_parts_are_asked_for_in_the_scope_alone():
    with in_parts(micro_batches=3).scope():
        inside = model_of("classifier")
        inside.compile("sgd", "mse")
    outside = model_of("classifier")
    outside.compile("sgd", "mse")
    assert (inside._micro_batches, outside._micro_batches) == (3, 1)
