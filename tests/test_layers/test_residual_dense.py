import numpy as np
import pytest
import torch
from support import references, torch_twins
from support.arrays import array, assert_close, randomise, weight
from support.layer_cases import B, D, F, T

from kzoo.errors import InputError
from kzoo.layers import ResidualDense


def made(units=D, **kwargs):
    layer = ResidualDense(units, **kwargs)
    layer.build((None, None, D))
    return randomise(layer)


def network(x, layer):
    x = x @ weight(layer, "inner/kernel") + weight(layer, "inner/bias")
    return np.maximum(x, 0) @ weight(layer, "outer/kernel") + weight(
        layer, "outer/bias"
    )


@pytest.mark.parametrize("placement", ["pre", "post", "none"])
@pytest.mark.parametrize("units", [D, F])
def test_against_numpy(placement, units):
    layer, x = made(units, norm_placement=placement), array(B, T, D)
    skip = x if units == D else x @ weight(layer, "shortcut/kernel")

    def norm(x):
        gamma, beta = weight(layer, "norm/gamma"), weight(layer, "norm/beta")
        return references.layer_normalization(x, gamma, beta, 1e-5)

    expected = {
        "pre": lambda: skip + network(norm(x), layer),
        "post": lambda: norm(skip + network(x, layer)),
        "none": lambda: skip + network(x, layer),
    }[placement]()
    assert_close(layer(x), expected)


def test_against_torch():
    layer, x = made(intermediate_dim=F), array(B, T, D)
    norm = torch.nn.LayerNorm(D, eps=1e-5, dtype=torch.float64)
    inner, outer = torch.nn.Linear(D, F).double(), torch.nn.Linear(F, D).double()
    torch_twins.norm(norm, layer, "norm")
    torch_twins.linear(inner, layer, "inner")
    torch_twins.linear(outer, layer, "outer")
    theirs = torch_twins.double(x)
    output = theirs + outer(torch.relu(inner(norm(theirs))))
    assert_close(layer(x), output.detach().numpy())


def test_the_inside_is_as_wide_as_the_output_unless_said():
    assert weight(made(F), "inner/kernel").shape == (D, F)
    assert weight(made(F, intermediate_dim=31), "inner/kernel").shape == (D, 31)


def test_flat_inputs_serve_too():
    layer = ResidualDense(F)
    assert layer(array(B, D)).shape == (B, F)


def test_sizes_are_positive():
    with pytest.raises(InputError, match="1 or more.*units=0"):
        ResidualDense(0)
    with pytest.raises(InputError, match="1 or more.*intermediate_dim=0"):
        ResidualDense(3, intermediate_dim=0)
