import keras
import numpy as np
import pytest
from support import references
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.layer_cases import B, D, N, S, T

from kzoo.errors import InputError
from kzoo.layers import LayerNormalization, MultiHeadAttention, ResidualSublayer


class Double(keras.layers.Layer):
    """A sublayer that says nothing about its output's shape."""

    def call(self, inputs):
        return inputs * 2


class Narrow(keras.layers.Layer):
    def call(self, inputs):
        return inputs[..., :1]


def made(placement, **kwargs):
    layer = ResidualSublayer(
        keras.layers.Dense(D, name="f"), norm_placement=placement, **kwargs
    )
    layer.build((None, None, D))
    return randomise(layer)


@pytest.mark.parametrize("placement", ["pre", "post", "none"])
def test_against_numpy(placement):
    layer, x = made(placement, layer_norm_epsilon=0.1), array(B, T, D)

    def f(x):
        return x @ weight(layer, "f/kernel") + weight(layer, "f/bias")

    def norm(x):
        gamma, beta = weight(layer, "norm/gamma"), weight(layer, "norm/beta")
        return references.layer_normalization(x, gamma, beta, 0.1)

    expected = {
        "pre": lambda: x + f(norm(x)),
        "post": lambda: norm(x + f(x)),
        "none": lambda: x + f(x),
    }[placement]()
    assert_close(layer(x), expected)
    assert len(layer.weights) == (2 if placement == "none" else 4)


def test_a_given_norm_takes_the_place_of_the_default():
    norm = keras.layers.LayerNormalization(epsilon=1e-3, center=False)
    layer, x = made("pre", norm=norm), array(B, T, D)
    assert layer.norm is norm
    assert len(layer.weights) == 3
    assert_close(layer(x), x + to_numpy(layer.sublayer(norm(x))), 1e-6)


@pytest.mark.parametrize("placement", ["pre", "post", "none"])
def test_dropout_is_on_the_sublayers_output_only(placement):
    """What training adds is the sublayer's output: each number doubled, or gone."""
    norm = keras.layers.Rescaling(3.0) if placement != "none" else None
    layer = ResidualSublayer(Double(), norm_placement=placement, norm=norm, dropout=0.5)
    x = array(31, T, D)
    kept = {"pre": 12 * x, "post": 4 * x, "none": 4 * x}[placement]  # F, doubled
    added = to_numpy(layer(x, training=True))
    added = (added / 3 if placement == "post" else added) - x
    gone = np.isclose(added, 0, atol=1e-4)
    assert np.all(gone | np.isclose(added, kept, rtol=1e-4, atol=1e-4))
    assert 0.45 < gone.mean() < 0.55
    still = to_numpy(layer(x, training=False))
    still = (still / 3 if placement == "post" else still) - x
    assert_close(still, kept / 2, 1e-4)
    assert_close(layer(x), layer(x, training=False), 0)


def test_pre_leaves_the_skip_connection_untouched():
    layer = ResidualSublayer(keras.layers.Dense(D, kernel_initializer="zeros"))
    x = array(B, T, D)
    assert np.array_equal(to_numpy(layer(x)), x)


def test_all_that_the_sublayer_takes_reaches_it():
    class Spy(keras.layers.Layer):
        def call(
            self,
            inputs,
            padding_mask=None,
            use_causal_mask=False,
            other=None,
            training=None,
        ):
            masked = padding_mask is not None
            self.seen = (masked, use_causal_mask, other, training)
            return inputs

    layer, x = ResidualSublayer(Spy()), array(B, T, D)
    mask = np.ones((B, T), bool)
    layer(x, padding_mask=mask, use_causal_mask=True, training=True, other=3)
    assert layer.sublayer.seen == (True, True, 3, True)
    layer(x)
    assert layer.sublayer.seen == (False, False, None, None)


@pytest.mark.parametrize("given", ["value", "key", "both"])
def test_cross_attention_reads_value_and_key(given):
    x, value, key = array(B, T, D), array(B, S, 17), array(B, S, 19)
    if given == "key":
        key = array(B, T, 19)  # beside the query as value
    others = {"value": value, "key": key}
    others = others if given == "both" else {given: others[given]}
    layer = ResidualSublayer(MultiHeadAttention(N, fused=False), norm_placement="none")
    output = layer(x, **others)
    assert_close(output, x + to_numpy(layer.sublayer(x, **others)), 1e-6)


def test_keras_attention_serves_as_the_sublayer():
    x, value = array(B, T, D), array(B, S, 17)
    layer = ResidualSublayer(keras.layers.MultiHeadAttention(N, 5))
    output = layer(x, value=value)
    assert_close(output, x + to_numpy(layer.sublayer(layer.norm(x), value)), 1e-6)


def test_a_functional_model_of_a_custom_sublayer():
    inputs = keras.Input((None, D))
    model = keras.Model(
        inputs, ResidualSublayer(Double(), norm_placement="none")(inputs)
    )
    x = array(B, T, D)
    assert_close(model.predict(x, verbose=0), 3 * x, 1e-6)


def test_gradients_reach_the_bottom_of_a_deep_stack_under_pre():
    """The skip connection's share of the gradient is exactly one."""
    from support.gradients import gradients

    stack = keras.Sequential(
        [
            ResidualSublayer(keras.layers.Dense(D, kernel_initializer="zeros"))
            for _ in range(5)
        ]
    )
    x, upstream = array(B, T, D), array(B, T, D, seed=9)
    by_input, _ = gradients(stack, x, upstream)
    assert_close(by_input, upstream, 1e-6)


def test_the_sublayers_shape_is_that_of_its_input():
    with pytest.raises(InputError, match=r"adds shapes that are equal.*output .*, 7\)"):
        ResidualSublayer(keras.layers.Dense(7))(array(B, T, D))
    message = r"equal.*input \(2, 7, 15\), sublayer output \(2, 7, 1\)"
    with pytest.raises(InputError, match=message):
        ResidualSublayer(Narrow())(array(B, T, D))


def test_an_unknown_placement_lists_the_known_ones():
    message = "No such norm_placement.*'middle'.*Known: pre, post, sandwich, none"
    with pytest.raises(InputError, match=message):
        ResidualSublayer(Double(), norm_placement="middle")


def test_the_dropout_rate_is_a_share():
    with pytest.raises(InputError, match="at least 0 and below 1.*dropout=1"):
        ResidualSublayer(Double(), dropout=1)


def test_the_default_norm_is_ours():
    norm = ResidualSublayer(Double(), layer_norm_epsilon=0.25).norm
    assert isinstance(norm, LayerNormalization)
    assert norm.epsilon == 0.25
