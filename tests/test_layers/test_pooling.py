import keras
import numpy as np
import pytest
from support.arrays import array, assert_close, to_numpy
from support.gradients import gradients
from support.layer_cases import B, D, T
from support.masks import SELF_MASKS

from kzoo.layers import FirstTokenPooling, MaskedMeanPooling


@pytest.mark.parametrize("name", ["right padding", "left padding", "padding as int32"])
def test_the_mean_of_the_real_tokens(name):
    x, mask = array(B, T, D), SELF_MASKS[name][0]["padding_mask"]
    expected = np.stack(
        [row[real > 0].mean(0) for row, real in zip(x, mask, strict=True)]
    )
    assert_close(MaskedMeanPooling()(x, padding_mask=mask), expected, 1e-6)


def test_the_mean_of_all_tokens():
    x = array(B, T, D)
    assert_close(MaskedMeanPooling()(x), x.mean(1), 1e-6)


def test_no_real_token_gives_zeros_and_a_zero_gradient():
    x, mask = array(B, T, D), np.zeros((B, T), bool)
    layer = MaskedMeanPooling()
    assert_close(layer(x, padding_mask=mask), np.zeros((B, D)), 0)
    by_input, _ = gradients(layer, x, array(B, D, seed=9), padding_mask=mask)
    assert_close(by_input, np.zeros_like(x), 0)


def test_the_gradient_is_shared_among_the_real_tokens():
    x, upstream = array(B, T, D), array(B, D, seed=9)
    mask = SELF_MASKS["right padding"][0]["padding_mask"]
    by_input, _ = gradients(MaskedMeanPooling(), x, upstream, padding_mask=mask)
    share = mask / mask.sum(1, keepdims=True)
    assert_close(by_input, share[..., None] * upstream[:, None], 1e-6)


@pytest.mark.parametrize("masked", [True, False])
def test_the_sum_is_taken_in_float32(masked):
    """4,099 tokens of 100 sum to more than a float16 holds."""
    x = np.full((1, 4099, 3), 100, "float16")
    layer = MaskedMeanPooling(dtype="mixed_float16")
    mask = np.ones((1, 4099), bool) if masked else None
    output = layer(x, padding_mask=mask)
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    assert_close(output, np.full((1, 3), 100.0), 0)


def test_the_first_token():
    x, mask = array(B, T, D), SELF_MASKS["right padding"][0]["padding_mask"]
    layer = FirstTokenPooling()
    assert np.array_equal(to_numpy(layer(x, padding_mask=mask)), x[:, 0])
    by_input, _ = gradients(layer, x, array(B, D, seed=9))
    assert not by_input[:, 1:].any()
    assert_close(by_input[:, 0], array(B, D, seed=9), 0)
