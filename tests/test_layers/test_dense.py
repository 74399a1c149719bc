"""Dense layers: Keras's answers, and gradients of weights that are not rounded."""

import importlib

import keras
import numpy as np
import pytest
from support.arrays import array, assert_close, randomise, to_numpy
from support.gradients import gradients

from kzoo import training
from kzoo.layers import (
    Dense,
    PositionEmbedding,
    SegmentEmbedding,
    TokenEmbedding,
    kernels,
)

BACKEND = keras.backend.backend()
B, T, D, F, V = 5, 133, 11, 13, 17
HALF = pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])


def halves(*shape, seed=0):
    """Return numbers of 7 bits: each type holds them, and float32 their sums."""
    return np.clip(np.round(array(*shape, seed=seed) * 16) / 16, -4, 4)


def built(layer, shape):
    """Build a layer, with weights of 7 bits."""
    layer.build(shape)
    layer.set_weights([halves(*v.shape, seed=i) for i, v in enumerate(layer.weights)])
    return layer


@pytest.mark.parametrize(
    "policy", ["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"]
)
@pytest.mark.parametrize("train", [False, True])
def test_the_outputs_are_those_of_keras(policy, train):
    options = {"activation": "tanh", "dtype": policy}
    x = array(B, T, D)
    theirs, ours = (
        built(c(F, **options), x.shape) for c in (keras.layers.Dense, Dense)
    )
    y, expected = ours(x, training=train), theirs(x, training=train)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(to_numpy(y), to_numpy(expected))


@HALF
@pytest.mark.parametrize("use_bias", [True, False])
def test_gradients_of_weights_are_exact_sums(policy, use_bias):
    x, upstream = halves(B, T, D), halves(B, T, F, seed=1)
    layer = built(Dense(F, use_bias=use_bias, dtype=policy), x.shape)
    of_x, of_weights = gradients(layer, x, upstream, training=True)
    expected = [np.einsum("btd,btf->df", x, upstream), upstream.sum((0, 1))]
    for found, sums in zip(of_weights, expected[: 1 + use_bias], strict=True):
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, sums)
    assert_close(of_x / 10, upstream @ to_numpy(layer.kernel).T / 10, 4e-3)


@HALF
@pytest.mark.parametrize("rank", [2, 4])
def test_inputs_of_every_rank(policy, rank):
    shape = (3, 2, 7)[: rank - 1]
    x, upstream = halves(*shape, D), halves(*shape, F, seed=1)
    layer = built(Dense(F, dtype=policy), x.shape)
    _, (of_kernel, _) = gradients(layer, x, upstream, training=True)
    flat = x.reshape(-1, D), upstream.reshape(-1, F)
    np.testing.assert_array_equal(of_kernel, flat[0].T @ flat[1])


@pytest.mark.skipif(BACKEND == "tensorflow", reason="of kernels with columns to spare")
@HALF
@pytest.mark.parametrize("use_bias", [True, False])
def test_columns_that_a_gpu_wants_leave_no_trace(policy, use_bias, monkeypatch):
    wide = 1025
    x, upstream = halves(B, 7, D), halves(B, 7, wide, seed=1)
    layer = built(Dense(wide, use_bias=use_bias, dtype=policy), x.shape)

    def computed():
        of_x, of_weights = gradients(layer, x, upstream, training=True)
        return [to_numpy(layer(x, training=True)), of_x, *of_weights]

    expected = computed()
    own = importlib.import_module(f"kzoo.layers.{BACKEND}_kernels")
    align, widths = own._aligned, set()

    def noted(matrix):
        found = align(matrix)
        widths.add((len(matrix.shape), found.shape[-1]))
        return found

    monkeypatch.setattr(own, "_aligned", noted)
    monkeypatch.setattr(own, "_on_gpu", lambda *_: True)
    for found, value in zip(computed(), expected, strict=True):
        assert_close(found, value, 4e-3)
    assert widths == {(2, 1088), (3, 1088)}  # weights; gradients


def products_of(jaxpr):
    """Return the types of every matrix product of a program: operands and sum."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            types = [str(x.aval.dtype) for x in (*equation.invars, *equation.outvars)]
            found.append(types)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                found += products_of(inner)
    return found


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's kernels")
@HALF
@pytest.mark.parametrize("train", [True, False])
def test_products_are_of_halves_and_sums_of_float32(policy, train):
    """Those of gradients too, and where weights are halves as well."""
    import jax

    dtype = policy.removeprefix("mixed_")
    x = jax.numpy.asarray(array(2, 3, D), dtype)
    for weight_type in {"float32", dtype}:
        weight = jax.numpy.asarray(array(D, F), weight_type)

        def loss(x, weight):
            y = kernels.product(x, weight, training=train)
            return kernels.attention(*[y[:, :, None]] * 3, None, 1.0).sum()

        program = jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(x, weight)
        found = products_of(program.jaxpr)
        assert len(found) == 9
        assert all(types == [dtype, dtype, "float32"] for types in found)


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's kernels")
def test_only_halves_are_asked_for_as_float32():
    import jax

    with jax.enable_x64(True):
        x, weight = jax.numpy.ones((1, 2), "float64"), jax.numpy.ones((2, 1), "float64")
        y = kernels.product(x.at[0, 1].set(1e-12), weight)
    assert float(y[0, 0]) == 1 + 1e-12


def test_a_gradient_beyond_the_greatest_float16():
    x, upstream = np.full((B, T, D), 16.0), np.full((B, T, F), 16.0)
    layer = built(Dense(F, dtype="mixed_float16"), x.shape)
    _, (of_kernel, _) = gradients(layer, x, upstream, training=True)
    np.testing.assert_array_equal(of_kernel, 256.0 * B * T)


@HALF
def test_the_gradient_of_a_tied_table_is_an_exact_sum(policy):
    x, upstream = halves(B, T, D), halves(B, T, V, seed=1)
    layer = built(TokenEmbedding(V, D, dtype=policy), (None, None))
    _, (of_table,) = gradients(layer, x, upstream, reverse=True, training=True)
    np.testing.assert_array_equal(of_table, np.einsum("btd,btv->vd", x, upstream))


@HALF
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda **k: PositionEmbedding(T, **k), lambda g: g.sum(0)),
        (lambda **k: SegmentEmbedding(1, D, **k), lambda g: g.sum((0, 1))[None]),
    ],
)
def test_gradients_of_rows_that_many_inputs_share(policy, make, expected):
    x = halves(97, T, D)
    layer = built(make(dtype=policy), x.shape)

    class Added(keras.layers.Layer):
        def __init__(self):
            super().__init__(dtype=policy)
            self.rows = layer

        def call(self, x, training=None):
            return x + self.rows(x, training=training)

    upstream = halves(97, T, D, seed=1)
    _, (of_rows,) = gradients(Added(), x, upstream, training=True)
    np.testing.assert_array_equal(of_rows, expected(upstream))


@HALF
def test_adapters_are_merged_into_the_kernel(policy):
    x, inputs = array(B, T, D), keras.Input((None, D))
    model = keras.Model(inputs, Dense(F, dtype=policy)(inputs))
    expected = to_numpy(model(x))
    training.enable_lora(model, 2)
    training.merge_lora(model)
    np.testing.assert_array_equal(to_numpy(model(x)), expected)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_quantised_kernel_answers_in_the_compute_type(policy):
    x, inputs = array(B, T, D), keras.Input((None, D))
    model = keras.Model(inputs, Dense(F, dtype=policy)(inputs))
    expected = to_numpy(model(x))
    assert training.quantize(model, "int8").layers == 1
    y = model(x)
    assert keras.backend.standardize_dtype(y.dtype) == model.layers[1].compute_dtype
    assert_close(y, expected, 0.05)


def test_it_comes_back_from_a_file(tmp_path):
    model = keras.Sequential([keras.Input((D,)), Dense(F, activation="relu")])
    randomise(model)
    model.save(tmp_path / "dense.keras")
    loaded = keras.models.load_model(tmp_path / "dense.keras")
    assert type(loaded.layers[0]) is Dense
    x = array(B, D)
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))
