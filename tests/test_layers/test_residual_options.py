"""Sandwich, DeepNorm, ReZero, stochastic depth, shortcuts, caches."""

import keras
import numpy as np
import pytest
from support import references
from support.arrays import array, assert_close, randomise, to_numpy, weight
from support.layer_cases import B, D, F, N, T

from kzoo.errors import InputError
from kzoo.layers import (
    FeedForward,
    LayerNormalization,
    MultiHeadAttention,
    ParallelSum,
    ResidualSublayer,
    RMSNormalization,
)


class Double(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


class Counting(keras.layers.Layer):
    """A sublayer whose cache counts the tokens it has seen."""

    def call(self, inputs):
        return inputs * 3

    def compute_output_shape(self, input_shape):
        return input_shape

    def call_with_cache(self, inputs, cache, extra=0):
        return keras.ops.add(self(inputs), extra), cache + inputs.shape[1]


def made(units=D, **kwargs):
    layer = ResidualSublayer(keras.layers.Dense(units, name="f"), **kwargs)
    layer.build((None, None, D))
    return randomise(layer)


def dense(x, layer, name):
    return x @ weight(layer, f"{name}/kernel") + weight(layer, f"{name}/bias")


def test_the_sandwich_against_numpy():
    layer, x = made(norm_placement="sandwich", layer_norm_epsilon=0.1), array(B, T, D)

    def norm(x, name):
        gamma, beta = weight(layer, f"/{name}/gamma"), weight(layer, f"/{name}/beta")
        return references.layer_normalization(x, gamma, beta, 0.1)

    f = dense(norm(x, "norm"), layer, "f")
    assert_close(layer(x), x + norm(f, "output_norm"))


def test_the_second_norm_is_like_the_first_with_weights_of_its_own():
    given = LayerNormalization(epsilon=0.25, use_bias=False, name="mine")
    layer = made(norm=given, norm_placement="sandwich")
    assert layer.norm is given
    assert layer.output_norm.epsilon == 0.25
    assert not layer.output_norm.use_bias
    assert len(layer.weights) == 4


def test_a_norm_by_name():
    layer = made(norm="rms_norm", layer_norm_epsilon=0.25)
    assert isinstance(layer.norm, RMSNormalization)
    assert layer.norm.epsilon == 0.25
    assert layer.get_config()["norm"] == "rms_norm"


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich", "none"])
def test_the_skip_is_scaled(placement):
    norm = None if placement == "none" else keras.layers.Rescaling(5.0)
    layer = ResidualSublayer(
        Double(), norm=norm, norm_placement=placement, skip_scale=3.0
    )
    x = array(B, T, D)
    expected = {"pre": 13, "post": 25, "sandwich": 53, "none": 5}[placement] * x
    assert_close(layer(x), expected, 1e-6)


def test_re_zero_starts_as_the_identity_and_learns():
    layer = ResidualSublayer(
        keras.layers.Dense(D), norm_placement="none", branch_scale="re_zero"
    )
    x = array(B, T, D)
    assert np.array_equal(to_numpy(layer(x)), x)
    layer.branch_scale.set_weights([np.float32(2.0)])
    assert_close(layer(x), x + 2 * to_numpy(layer.sublayer(x)), 1e-6)


def test_layer_scale_on_the_branch():
    layer = ResidualSublayer(
        Double(), norm_placement="none", branch_scale="layer_scale"
    )
    x = array(B, T, D)
    layer(x)
    gamma = array(D, seed=4)
    layer.branch_scale.set_weights([gamma])
    assert_close(layer(x), x + 2 * x * gamma, 1e-6)


def test_drop_path_skips_the_sublayer_for_whole_rows():
    layer = ResidualSublayer(Double(), norm_placement="none", drop_path=0.5)
    x = 1 + np.abs(array(97, T, D))
    ratio = to_numpy(layer(x, training=True)) / x
    rows = ratio.reshape(len(x), -1)
    assert_close(rows, np.repeat(rows[:, :1], rows.shape[1], 1), 1e-5)
    assert {round(float(r), 3) for r in rows[:, 0]} == {1.0, 5.0}
    assert_close(layer(x), 3 * x, 1e-6)


def test_a_projection_where_the_width_changes():
    layer, x = made(F, norm_placement="none", shortcut="projection"), array(B, T, D)
    expected = x @ weight(layer, "shortcut/kernel") + dense(x, layer, "/f")
    assert_close(layer(x), expected)
    assert layer.compute_output_shape((B, T, D)) == (B, T, F)


def test_no_projection_where_the_width_stays():
    layer = made(norm_placement="none", shortcut="projection")
    assert layer.shortcut is None
    assert len(layer.weights) == 2


def test_a_shortcut_of_ones_own_changes_the_length_too():
    layer = ResidualSublayer(
        keras.layers.Conv1D(F, 3, strides=2, padding="same"),
        shortcut=keras.layers.Conv1D(F, 1, strides=2),
        norm_placement="post",
    )
    assert layer(array(B, 6, D)).shape == (B, 3, F)


def test_the_error_names_all_the_shapes():
    message = r"equal.*input \(2, 6, 15\), sublayer output \(2, 3, 15\).*'projection'"
    with pytest.raises(InputError, match=message):
        ResidualSublayer(keras.layers.MaxPool1D(2))(array(B, 6, D))
    layer = ResidualSublayer(
        keras.layers.Dense(F), shortcut=keras.layers.Dense(F + 1, name="s")
    )
    with pytest.raises(InputError, match=r"output .*13\), shortcut output .*14\)"):
        layer(array(B, T, D))


@pytest.mark.parametrize(
    ("option", "known"),
    [
        ({"norm": "batch"}, "No such norm.*layer_norm, rms_norm"),
        ({"branch_scale": "x"}, "No such branch_scale.*layer_scale, re_zero"),
        ({"shortcut": "x"}, "No such shortcut.*identity, projection"),
        ({"drop_path": 1.0}, "at least 0 and below 1.*drop_path=1.0"),
    ],
)
def test_what_is_unknown_lists_the_known(option, known):
    with pytest.raises(InputError, match=known):
        ResidualSublayer(Double(), **option)


@pytest.mark.parametrize("placement", ["pre", "post", "sandwich", "none"])
def test_the_cached_path_has_the_same_arithmetic(placement):
    layer = ResidualSublayer(
        Counting(),
        norm_placement=placement,
        skip_scale=1.5,
        branch_scale="layer_scale",
        dropout=0.5,
        drop_path=0.5,
    )
    x = array(B, T, D)
    layer(x)
    randomise(layer)
    y, cache = layer.call_with_cache(x, 10)
    assert cache == 10 + T
    assert_close(y, layer(x), 1e-6)
    other, _ = layer.call_with_cache(x, 10, extra=array(D, seed=5))
    assert not np.allclose(to_numpy(other), to_numpy(y))


def parallel():
    attention = MultiHeadAttention(N, fused=False, name="a")
    return ParallelSum([attention, FeedForward(F, name="f")], name="sum")


def test_parallel_attention_and_feed_forward_share_norm_and_skip():
    layer, x = ResidualSublayer(parallel()), array(B, T, D)
    mask = np.ones((B, T), bool)
    mask[1, 3:] = False
    layer(x)
    randomise(layer)
    attention, feed_forward = layer.sublayer.sublayers
    normed = layer.norm(x)
    given = {"padding_mask": mask, "use_causal_mask": True}
    expected = x + to_numpy(attention(normed, **given)) + to_numpy(feed_forward(normed))
    assert_close(layer(x, **given), expected, 1e-5)
    assert not np.allclose(to_numpy(layer(x)), expected, atol=1e-3)
    assert len([w for w in layer.weights if "norm" in w.path]) == 2


def test_the_cache_of_a_sum_is_that_of_its_one_keeper():
    layer = ParallelSum([Double(), Counting()])
    x = array(B, T, D)
    y, cache = layer.call_with_cache(x, 3, extra=1)
    assert cache == 3 + T
    assert_close(y, 5 * x + 1, 1e-6)
    for wrong in ([Double()], [Counting(), Counting()]):
        with pytest.raises(InputError, match="exactly one sublayer of a sum"):
            ParallelSum(wrong).call_with_cache(x, 3)


def test_a_sum_passes_on_training_and_refuses_what_nobody_takes():
    class Spy(keras.layers.Layer):
        def call(self, inputs, other=None, training=None):
            self.seen = (other, training)
            return inputs

    spy, x = Spy(), array(B, T, D)
    ParallelSum([Double(), spy])(x, other=3, training=True)
    assert spy.seen == (3, True)
    with pytest.raises(InputError, match="at least one sublayer.*padding_mask"):
        ParallelSum([Double(), spy])(x, padding_mask=np.ones((B, T), bool))


def test_a_sum_has_a_term():
    with pytest.raises(InputError, match=r"at least one term.*sublayers=\[\]"):
        ParallelSum([])
