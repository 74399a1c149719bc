import keras
import numpy as np
import pytest
import torch
from support import references
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.gradients import gradients
from support.layer_cases import B, D, T

from kzoo.errors import InputError
from kzoo.layers import LayerNormalization, kernels


def made(**kwargs):
    layer = LayerNormalization(**kwargs)
    layer.build((None, None, D))
    return randomise(layer)


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 0.5])
def test_against_numpy(epsilon):
    layer, x = made(epsilon=epsilon), array(B, T, D)
    expected = references.layer_normalization(
        x, weight(layer, "gamma"), weight(layer, "beta"), epsilon
    )
    assert_close(layer(x), expected)


@pytest.mark.parametrize(("scale", "bias"), [(True, False), (False, True), (0, 0)])
def test_scale_and_bias_can_be_left_out(scale, bias):
    layer, x = made(use_scale=bool(scale), use_bias=bool(bias)), array(B, T, D)
    gamma = weight(layer, "gamma") if scale else 1
    beta = weight(layer, "beta") if bias else 0
    assert len(layer.weights) == bool(scale) + bool(bias)
    expected = references.layer_normalization(x, gamma, beta, 1e-5)
    assert_close(layer(x), expected)


def test_against_keras():
    layer, x = made(epsilon=1e-3), array(B, T, D)
    twin = keras.layers.LayerNormalization(epsilon=1e-3)
    twin.build((None, None, D))
    twin.set_weights(layer.get_weights())
    assert_close(layer(x), twin(x))


def test_against_torch_with_gradients():
    layer, x, upstream = made(epsilon=1e-5), array(B, T, D), array(B, T, D, seed=9)
    twin = torch.nn.LayerNorm(D, eps=1e-5, dtype=torch.float64)
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(weight(layer, "gamma")))
        twin.bias.copy_(torch.tensor(weight(layer, "beta")))
    theirs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    output = twin(theirs)
    (output * torch.tensor(upstream)).sum().backward()
    assert_close(layer(x), output.detach().numpy())
    by_input, (by_gamma, by_beta) = gradients(layer, x, upstream)
    assert_close(by_input, theirs.grad.numpy(), 1e-4)
    assert_close(by_gamma, twin.weight.grad.numpy(), 1e-4)
    assert_close(by_beta, twin.bias.grad.numpy(), 1e-4)


def test_rows_far_from_zero_keep_their_digits():
    x = 4096 + array(B, T, D).round(2)
    expected = references.layer_normalization(x, 1, 0, 1e-5)
    assert_close(LayerNormalization()(x), expected, 2e-3)


@pytest.mark.parametrize(("value", "epsilon"), [(0.0, 1e-12), (7.0, 1e-5)])
def test_equal_features_give_beta(value, epsilon):
    layer = made(epsilon=epsilon)
    output = to_numpy(layer(np.full((B, T, D), value, "float32")))
    assert_close(output, np.broadcast_to(weight(layer, "beta"), (B, T, D)), 1e-3)


def test_float16_statistics_would_overflow_and_ours_do_not():
    x = array(B, T, D, scale=900).astype("float16")
    with np.errstate(over="ignore"):
        naive = np.mean(np.square(x - x.mean(-1, keepdims=True)), -1, dtype="float16")
    assert np.isinf(naive).any()
    layer = LayerNormalization(dtype="mixed_float16")
    output = layer(x)
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    assert_close(output, references.layer_normalization(x, 1, 0, 1e-5), 2e-3)


def test_bfloat16_is_rounded_once():
    """The result is that of float32 rounded, not that of rounded steps."""
    x = keras.ops.cast(array(B, T, D, scale=3), "bfloat16")
    output = LayerNormalization(dtype="mixed_bfloat16")(x)
    expected = references.layer_normalization(to_numpy(x), 1, 0, 1e-5)
    assert_close(output, expected, 2.0**-8)  # half a unit in bfloat16's last place


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_gamma_and_beta_reach_the_kernel_in_float32(policy):
    seen = []

    def spy(x, gamma, beta, epsilon):
        seen.extend(keras.backend.standardize_dtype(t.dtype) for t in (gamma, beta))
        return x

    layer = LayerNormalization(dtype=policy)
    layer.build((None, D))
    with kernels.replaced(layer_normalization=spy):
        layer(array(T, D))
    assert seen == ["float32", "float32"]


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("nan")])
def test_epsilon_is_positive(epsilon):
    with pytest.raises(InputError, match=r"above zero. Received: epsilon="):
        LayerNormalization(epsilon=epsilon)


def test_the_width_is_known_at_build():
    message = r"last axis must have a fixed size.*input_shape=\(2, None\)"
    with pytest.raises(InputError, match=message):
        LayerNormalization().build((2, None))
