"""Arrays, comparisons and weights for the tests of layers."""

import keras
import numpy as np


def array(*shape, seed=0, scale=1.0):
    """Return normal numbers that are the same in every run, float32."""
    rng = np.random.default_rng([seed, *shape])
    return (scale * rng.standard_normal(shape)).astype("float32")


def to_numpy(x):
    """Return any backend's tensor as a NumPy array; bfloat16 as float32."""
    if not isinstance(x, np.ndarray):
        if keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16"):
            x = keras.ops.cast(x, "float32")
        x = keras.ops.convert_to_numpy(x)
    return np.asarray(x)


def assert_close(actual, expected, tolerance=1e-5):
    """Check shape and values; the tolerance is absolute and relative at once."""
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(
        actual.astype("float64"),
        expected.astype("float64"),
        rtol=tolerance,
        atol=tolerance,
    )


def randomise(layer, seed=1, scale=0.4):
    """Give every weight other values, so that no zero bias hides a mistake."""
    values = []
    for index, variable in enumerate(layer.weights):
        value = array(*variable.shape, seed=seed + index, scale=scale)
        if "gamma" in variable.path:
            value = value + 1
        if "moving_variance" in variable.path:
            value = np.abs(value) + 0.5
        values.append(value)
    layer.set_weights(values)
    return layer


def weight(layer, name):
    """Return a weight as float64, by the end of its path."""
    found = [v for v in layer.weights if v.path.endswith(name)]
    assert len(found) == 1, [v.path for v in layer.weights]
    return to_numpy(found[0]).astype("float64")


def all_sublayers(layer):
    """Return every layer inside a layer, at any depth, itself left out."""
    return layer._flatten_layers(include_self=False)


def randomised_output(layer, inputs):
    """Build a layer on its inputs, give it random weights, return its output."""
    layer(**inputs)
    return to_numpy(randomise(layer)(**inputs))
