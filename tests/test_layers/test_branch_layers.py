"""LayerScale, ReZero, DropPath, and the numbers that follow from depth."""

import keras
import numpy as np
import pytest
from support.arrays import array, assert_close, to_numpy
from support.layer_cases import B, D, T

from kzoo.errors import InputError
from kzoo.layers import (
    DropPath,
    LayerScale,
    ReZero,
    deep_norm_scales,
    drop_path_rates,
)


def test_layer_scale_has_a_factor_for_each_feature():
    layer, x = LayerScale(initial_value=0.25), array(B, T, D)
    assert_close(layer(x), 0.25 * x, 1e-6)
    gamma = array(D, seed=3)
    layer.set_weights([gamma])
    assert_close(layer(x), x * gamma, 1e-6)


def test_layer_scale_starts_small():
    assert_close(LayerScale()(np.ones((B, D), "float32")), np.full((B, D), 1e-5), 1e-9)


def test_layer_scale_needs_the_width():
    with pytest.raises(InputError, match=r"fixed size to be scaled.*\(2, None\)"):
        LayerScale().build((2, None))


def test_re_zero_has_one_factor_and_starts_at_zero():
    layer, x = ReZero(), array(B, T, D)
    assert not to_numpy(layer(x)).any()
    assert [w.shape for w in layer.weights] == [()]
    layer.set_weights([np.float32(-1.5)])
    assert_close(layer(x), -1.5 * x, 1e-6)


def test_re_zero_starts_at_a_number():
    with pytest.raises((TypeError, ValueError), match="one"):
        ReZero(initial_value="one")


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_drop_path_drops_whole_rows_and_keeps_the_mean(rate):
    x = 1 + np.abs(array(997, 2, D))
    y = to_numpy(DropPath(rate, seed=3)(x, training=True))
    gone = ~y.reshape(len(y), -1).any(-1)
    assert_close(y[~gone], x[~gone] / (1 - rate), 1e-5)
    assert abs(gone.mean() - rate) < 0.05
    assert not np.array_equal(gone, np.sort(gone))


def test_drop_path_draws_anew_at_every_call_and_alike_by_seed():
    x = np.ones((61, D), "float32")
    first, twin = DropPath(0.5, seed=3), DropPath(0.5, seed=3)
    once, twice = (to_numpy(first(x, training=True)) for _ in range(2))
    assert not np.array_equal(once, twice)
    assert np.array_equal(once, to_numpy(twin(x, training=True)))


def test_drop_path_does_nothing_but_in_training():
    x = array(B, T, D)
    assert np.array_equal(to_numpy(DropPath(0.9)(x)), x)
    assert np.array_equal(to_numpy(DropPath(0.0)(x, training=True)), x)


def test_drop_path_trains_in_a_functional_model_of_any_batch():
    inputs = keras.Input((None, D))
    outputs = keras.layers.Dense(1)(DropPath(0.5)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    history = model.fit(array(11, T, D), array(11, T, 1), batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_drop_path_rate_is_a_share():
    with pytest.raises(InputError, match="at least 0 and below 1.*rate=1"):
        DropPath(1)


def test_drop_path_rates_rise_along_a_line():
    assert_close(np.array(drop_path_rates(0.5, 5)), np.array([1, 2, 3, 4, 5]) / 10)
    with pytest.raises(InputError, match="below 1.*rate=1.5"):
        drop_path_rates(1.5, 3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [  # worked out by hand from the paper's table
        ({"num_layers": 8}, (2.0, 0.353553)),
        ({"num_layers": 100}, (3.760603, 0.188030)),
        (
            {"num_layers": 6, "num_other_layers": 6},
            (0.81 * 6 ** (5 / 16), 0.87 * 6 ** (-5 / 16)),
        ),
        ({"num_layers": 27, "num_other_layers": 5, "decoder": True}, (3.0, 0.235702)),
    ],
)
def test_deep_norm_scales(arguments, expected):
    assert_close(np.array(deep_norm_scales(**arguments)), np.array(expected), 1e-6)


def test_a_decoder_over_an_encoder_needs_its_depth():
    with pytest.raises(InputError, match="other scales.*num_other_layers=None"):
        deep_norm_scales(6, decoder=True)
    with pytest.raises(InputError, match="1 or more.*num_layers=0"):
        deep_norm_scales(0)
