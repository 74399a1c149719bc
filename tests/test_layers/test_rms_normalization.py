import keras
import numpy as np
import pytest
import torch
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.gradients import gradients
from support.layer_cases import B, D, T

from kzoo.errors import InputError
from kzoo.layers import RMSNormalization, kernels


def made(**kwargs):
    layer = RMSNormalization(**kwargs)
    layer.build((None, None, D))
    return randomise(layer)


def reference(x, gamma, epsilon):
    x = x.astype("float64")
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * gamma


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 0.5])
def test_against_numpy(epsilon):
    layer, x = made(epsilon=epsilon), array(B, T, D)
    assert_close(layer(x), reference(x, weight(layer, "gamma"), epsilon), 1e-6)


def test_without_a_scale():
    layer, x = made(use_scale=False), array(B, T, D)
    assert layer.weights == []
    assert_close(layer(x), reference(x, 1, 1e-5), 1e-6)


def test_against_keras():
    layer, x = made(epsilon=1e-3), array(B, T, D)
    twin = keras.layers.RMSNormalization(epsilon=1e-3)
    twin.build((None, None, D))
    twin.set_weights(layer.get_weights())
    assert_close(layer(x), twin(x), 1e-6)


def test_against_torch_with_gradients():
    layer, x, upstream = made(), array(B, T, D), array(B, T, D, seed=9)
    twin = torch.nn.RMSNorm(D, eps=1e-5, dtype=torch.float64)
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(weight(layer, "gamma")))
    theirs = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    output = twin(theirs)
    (output * torch.tensor(upstream)).sum().backward()
    assert_close(layer(x), output.detach().numpy(), 1e-6)
    by_input, (by_gamma,) = gradients(layer, x, upstream)
    assert_close(by_input, theirs.grad.numpy(), 1e-4)
    assert_close(by_gamma, twin.weight.grad.numpy(), 1e-4)


def test_it_does_not_centre():
    x = array(B, T, D)
    assert not np.allclose(to_numpy(made()(x + 3)), to_numpy(made()(x)), atol=0.1)


def test_float16_squares_would_overflow_and_ours_do_not():
    x = array(B, T, D, scale=900).astype("float16")
    with np.errstate(over="ignore"):
        assert np.isinf(np.square(x)).any()
    output = RMSNormalization(dtype="mixed_float16")(x)
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    assert_close(output, reference(x, 1, 1e-5), 2e-3)


def test_the_kernel_can_be_replaced():
    seen = []

    def spy(x, gamma, epsilon):
        seen.append((keras.backend.standardize_dtype(gamma.dtype), epsilon))
        return x

    layer = RMSNormalization(dtype="mixed_bfloat16")
    layer.build((None, D))
    with kernels.replaced(rms_normalization=spy):
        layer(array(T, D))
    assert seen == [("float32", 1e-5)]


@pytest.mark.parametrize("epsilon", [0, -1e-5, float("nan")])
def test_epsilon_is_positive(epsilon):
    with pytest.raises(InputError, match=r"above zero. Received: epsilon="):
        RMSNormalization(epsilon=epsilon)


def test_the_width_is_known_at_build():
    message = r"last axis must have a fixed size.*input_shape=\(2, None\)"
    with pytest.raises(InputError, match=message):
        RMSNormalization().build((2, None))
