"""Dense layers: Keras's answers, and gradients of weights that are not rounded."""

import importlib

import keras
import numpy as np
import pytest
from support.arrays import array, assert_close, randomise, to_numpy
from support.gradients import gradients

from kzoo import training
from kzoo.layers import Dense, PositionEmbedding, SegmentEmbedding, TokenEmbedding

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
    """Weights of odd width are widened there; here, whatever they are."""
    x, upstream = halves(B, T, D), halves(B, T, F, seed=1)
    layer = built(Dense(F, use_bias=use_bias, dtype=policy), x.shape)

    def computed():
        of_x, of_weights = gradients(layer, x, upstream, training=True)
        return [to_numpy(layer(x, training=True)), of_x, *of_weights]

    expected = computed()
    own = importlib.import_module(f"kzoo.layers.{BACKEND}_kernels")
    widened = []

    def wide(matrix):
        widened.append(matrix.shape)
        axes = [(0, 0)] * (len(matrix.shape) - 1)
        return keras.ops.pad(matrix, [*axes, (0, -matrix.shape[-1] % 8)])

    monkeypatch.setattr(own, "_aligned", wide)
    for found, value in zip(computed(), expected, strict=True):
        np.testing.assert_array_equal(found, value)
    assert {(D, F), (B, T, F)} <= {*map(tuple, widened)}


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX's kernels")
@HALF
@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bnth,bnsh->bnts", [(2, 3, 5, 4), (2, 3, 7, 4)]),
        ("bnts,bnsh->bnth", [(2, 3, 5, 7), (2, 3, 7, 4)]),
    ],
)
def test_products_and_their_gradients_are_rounded_once(policy, equation, shapes):
    import jax

    from kzoo.layers.jax_kernels import whole_products

    dtype = policy.removeprefix("mixed_")
    a, b = (
        jax.numpy.asarray(array(*shape, seed=i), dtype)
        for i, shape in enumerate(shapes)
    )
    exact = lambda a, b: jax.numpy.einsum(equation, a, b)  # noqa: E731
    wide = [x.astype("float32") for x in (a, b)]
    y, back = jax.vjp(lambda a, b: whole_products(equation, a, b), a, b)
    expected, back_exact = jax.vjp(exact, *wide)
    upstream = jax.numpy.asarray(array(*y.shape, seed=2), dtype)
    found = [y, *back(upstream)]
    expected = [expected, *back_exact(upstream.astype("float32"))]
    for rounded, value in zip(found, expected, strict=True):
        assert rounded.dtype == dtype
        # A last digit, where the order of a sum decides.
        limit = jax.numpy.finfo(dtype).eps
        np.testing.assert_allclose(
            to_numpy(rounded.astype("float32")), to_numpy(value), limit, 1e-6
        )


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
