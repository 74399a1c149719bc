import keras
import numpy as np
import pytest
import torch
from support import references, torch_twins
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.gradients import gradients
from support.layer_cases import B, D, F, T

from kzoo.errors import InputError
from kzoo.layers import FeedForward

ACTIVATIONS = {
    "gelu": references.gelu,
    "gelu_tanh": references.gelu_tanh,
    "relu": lambda x: np.maximum(x, 0),
    None: lambda x: x,
}


def made(**kwargs):
    layer = FeedForward(F, **kwargs)
    layer.build((None, None, D))
    return randomise(layer)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_against_numpy(activation, use_bias):
    layer, x = made(activation=activation, use_bias=use_bias), array(B, T, D)
    inner = x @ weight(layer, "inner/kernel")
    inner = inner + (weight(layer, "inner/bias") if use_bias else 0)
    expected = ACTIVATIONS[activation](inner) @ weight(layer, "outer/kernel")
    expected = expected + (weight(layer, "outer/bias") if use_bias else 0)
    assert_close(layer(x), expected)


def test_against_two_dense_layers_of_keras():
    layer, x = made(activation="tanh"), array(B, T, D)
    twin = keras.Sequential(
        [keras.layers.Dense(F, activation="tanh"), keras.layers.Dense(D)]
    )
    twin.build((None, None, D))
    twin.set_weights(layer.get_weights())
    assert_close(layer(x), twin(x), 1e-6)


@pytest.mark.parametrize(("name", "form"), [("gelu", "none"), ("gelu_tanh", "tanh")])
def test_against_torch_with_gradients(name, form):
    layer, x, upstream = made(activation=name), array(B, T, D), array(B, T, D, seed=9)
    inner, outer = torch.nn.Linear(D, F).double(), torch.nn.Linear(F, D).double()
    torch_twins.linear(inner, layer, "inner")
    torch_twins.linear(outer, layer, "outer")
    theirs = torch_twins.double(x)
    output = outer(torch.nn.functional.gelu(inner(theirs), approximate=form))
    (output * torch.tensor(upstream)).sum().backward()
    assert_close(layer(x), output.detach().numpy())
    by_input, by_weights = gradients(layer, x, upstream)
    assert_close(by_input, theirs.grad.numpy(), 1e-4)
    assert_close(by_weights[0], inner.weight.grad.numpy().T, 1e-4)
    assert_close(by_weights[3], outer.bias.grad.numpy(), 1e-4)


GATES = {
    "glu": lambda x: 1 / (1 + np.exp(-x)),
    "bilinear": lambda x: x,
    "reglu": lambda x: np.maximum(x, 0),
    "geglu": references.gelu,
    "geglu_tanh": references.gelu_tanh,
    "swiglu": lambda x: x / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("use_bias", [True, False])
def test_gated_against_numpy(name, use_bias):
    layer, x = made(activation=name, use_bias=use_bias), array(B, T, D)
    assert weight(layer, "inner/kernel").shape == (D, 2 * F)
    inner = x @ weight(layer, "inner/kernel")
    inner = inner + (weight(layer, "inner/bias") if use_bias else 0)
    gated = GATES[name](inner[..., :F]) * inner[..., F:]
    expected = gated @ weight(layer, "outer/kernel")
    expected = expected + (weight(layer, "outer/bias") if use_bias else 0)
    assert_close(layer(x), expected)


def test_a_gated_name_is_an_activation_and_the_gate():
    named, spelt = made(activation="swiglu"), made(activation="silu", gated=True)
    config, twin = named.get_config(), spelt.get_config()
    config.pop("name"), twin.pop("name")
    assert config == twin
    assert_close(named(array(B, T, D)), spelt(array(B, T, D)), 1e-6)


def test_swiglu_against_torch_with_gradients():
    layer, x, upstream = made(activation="swiglu"), array(B, T, D), array(B, T, D)
    inner, outer = torch.nn.Linear(D, 2 * F).double(), torch.nn.Linear(F, D).double()
    torch_twins.linear(inner, layer, "inner")
    torch_twins.linear(outer, layer, "outer")
    theirs = torch_twins.double(x)
    gate, value = inner(theirs).chunk(2, -1)
    output = outer(torch.nn.functional.silu(gate) * value)
    (output * torch.tensor(upstream)).sum().backward()
    assert_close(layer(x), output.detach().numpy())
    by_input, by_weights = gradients(layer, x, upstream)
    assert_close(by_input, theirs.grad.numpy(), 1e-4)
    assert_close(by_weights[0], inner.weight.grad.numpy().T, 1e-4)


def test_gate_and_value_are_drawn_apart_with_the_fans_of_one():
    layer = FeedForward(
        311, activation="geglu", kernel_initializer=keras.initializers.GlorotUniform(7)
    )
    layer.build((None, 211))
    gate, value = np.split(weight(layer, "inner/kernel"), 2, axis=1)
    limit = np.sqrt(6 / (211 + 311))
    for part in (gate, value):
        assert 0.99 * limit < np.abs(part).max() <= limit
    assert abs(np.corrcoef(gate.ravel(), value.ravel())[0, 1]) < 0.02


def test_each_initializer_serves_its_layer():
    layer = FeedForward(F, kernel_initializer="zeros", output_initializer="ones")
    layer.build((None, D))
    assert not weight(layer, "inner/kernel").any()
    assert (weight(layer, "outer/kernel") == 1).all()


def test_one_initializer_draws_anew_for_each_kernel():
    layer = FeedForward(D, kernel_initializer=keras.initializers.RandomNormal())
    layer.build((None, D))
    assert not np.array_equal(
        weight(layer, "inner/kernel"), weight(layer, "outer/kernel")
    )


def test_the_inner_width_is_positive():
    with pytest.raises(InputError, match="1 or more.*intermediate_dim=0"):
        FeedForward(0)


def test_an_unknown_activation_is_named():
    with pytest.raises(InputError, match="known name.*activation='gellu'.*gelu_tanh"):
        FeedForward(F, activation="gellu")


@pytest.mark.parametrize("activation", ["relu", "geglu"])
def test_dropout_is_inside_and_while_training_alone(activation):
    # With an output kernel that sums nothing up, what is dropped can be counted.
    layer = FeedForward(97, activation=activation, dropout=0.4, output_dim=97)
    x = np.ones((3, 5, 7), "float32")
    layer.build(x.shape)
    kernel, bias = layer.outer.get_weights()
    layer.outer.set_weights([np.eye(97, dtype="float32"), np.zeros_like(bias)])
    inner = layer.inner.get_weights()
    layer.inner.set_weights([np.abs(inner[0]) + 0.1, inner[1] + 1])
    assert kernel.shape == (97, 97)
    still = to_numpy(layer(x))
    assert (still != 0).all()
    noisy = to_numpy(layer(x, training=True))
    kept = noisy != 0
    assert 0.5 < kept.mean() < 0.7
    np.testing.assert_allclose(noisy[kept], still[kept] / 0.6, rtol=1e-5)
