"""What holds for every public layer, through the one table of cases."""

import inspect
import json

import keras
import numpy as np
import pytest
from support.arrays import (
    all_sublayers,
    assert_close,
    randomise,
    randomised_output,
    to_numpy,
)
from support.gradients import gradients
from support.layer_cases import CASES, B, T

from kzoo import layers

PUBLIC = {
    name: item
    for name in layers.__all__
    if inspect.isclass(item := getattr(layers, name))
    and issubclass(item, keras.layers.Layer)  # caches are tuples
}
NOT_CONFIG = {"self", "kwargs"}

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_class = pytest.mark.parametrize("layer_class", PUBLIC.values(), ids=PUBLIC.keys())


def test_every_public_layer_has_a_case():
    assert {case.layer.__name__ for case in CASES.values()} == set(PUBLIC)


@every_class
def test_a_layer_is_final(layer_class):
    """A public layer's base is Keras's or abstract, never another public layer."""
    (base,) = layer_class.__bases__
    if not base.__module__.startswith("keras."):
        assert base.__bases__ == (keras.layers.Layer,)
        assert base.__name__ not in PUBLIC
        assert "abstract base" in base.__doc__


@every_class
def test_constructor_arguments_are_the_config(layer_class):
    parameters = inspect.signature(layer_class.__init__).parameters
    named = set(parameters) - NOT_CONFIG - {"args"}
    case = next(c for c in CASES.values() if c.layer is layer_class)
    assert named <= set(case.make().get_config())


@every_class
def test_a_layer_is_registered_under_the_packages_name(layer_class):
    name = layer_class.__name__
    assert keras.saving.get_registered_name(layer_class) == f"kzoo>{name}"


@every_layer
def test_config_round_trip(case):
    layer = case.make(name="the_name", trainable=False)
    inputs = case.arrays()
    expected = randomised_output(layer, inputs)
    config = json.loads(json.dumps(layer.get_config()))
    twin = case.layer.from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    assert (twin.name, twin.trainable) == ("the_name", False)
    twin(**inputs)
    twin.set_weights(layer.get_weights())
    assert_close(twin(**inputs), expected, 1e-6)


@every_layer
def test_keras_file_round_trip(case, tmp_path):
    model, layer = case.model()
    randomise(layer)
    inputs = case.arrays()
    expected = to_numpy(model(inputs))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert_close(again(inputs), expected, 1e-6)


@every_layer
def test_weights_file_round_trip(case, tmp_path):
    model, layer = case.model()
    randomise(layer)
    model.save_weights(tmp_path / "m.weights.h5")
    twin, _ = case.model()
    twin.load_weights(tmp_path / "m.weights.h5")
    inputs = case.arrays()
    assert_close(twin(inputs), model(inputs), 1e-6)


@every_layer
def test_eager_symbolic_and_compiled_agree(case):
    """One functional model of unknown batch and length serves every shape."""
    model, layer = case.model()
    randomise(layer)
    lengths = [d for d in case.output if d is None]
    shapes = [(B, T), (5, 3)]
    if keras.backend.backend() == "jax":  # compiles for each shape anew, never for any
        shapes = shapes[:1]
    for batch, length in shapes:
        inputs = case.arrays(batch, length, seed=length)
        expected = to_numpy(layer(**inputs))
        assert expected.shape == (batch, *(d or length for d in case.output))
        assert_close(model(inputs), expected, 1e-6)
        assert_close(model.predict(inputs, verbose=0), expected)
    assert tuple(model.output_shape[1:]) == case.output
    assert model.output_shape[1:].count(None) == len(lengths)


@every_layer
@pytest.mark.tensorflow_only  # JAX compiles by XLA in the test above
def test_xla_agrees(case):
    model, layer = case.model()
    randomise(layer)
    model.compile(jit_compile=True)
    inputs = case.arrays()
    assert_close(model.predict(inputs, verbose=0), layer(**inputs))


@every_layer
def test_compute_output_shape_tells_the_truth(case):
    layer, inputs = case.make(), case.arrays()
    output = layer(**inputs)
    shapes = {f"{name}_shape": x.shape for name, x in inputs.items()}
    known = inspect.signature(layer.compute_output_shape).parameters
    shapes = {name: shape for name, shape in shapes.items() if name in known}
    first = {next(iter(known)): next(iter(inputs.values())).shape}
    found = layer.compute_output_shape(**{**first, **shapes})
    assert tuple(found) == tuple(output.shape)


@every_layer
def test_a_row_does_not_depend_on_the_other_rows(case):
    layer, inputs = case.make(), case.arrays()
    expected = randomised_output(layer, inputs)
    for row in range(B):
        alone = layer(**{name: x[row : row + 1] for name, x in inputs.items()})
        assert_close(to_numpy(alone)[0], expected[row], 1e-6)


@every_layer
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(case, policy):
    keras.config.set_dtype_policy(policy)
    layer, inputs = case.make(), case.arrays()
    output = layer(**inputs)
    compute = policy.removeprefix("mixed_")
    expected = "float32" if case.in_float32 else compute
    assert keras.backend.standardize_dtype(output.dtype) == expected
    symbol = layer(**case.symbols())
    assert symbol.dtype == expected
    assert {v.dtype for v in layer.trainable_variables} <= {"float32"}
    for part in all_sublayers(layer):
        assert part.dtype_policy.name == policy, part.path
    keras.config.set_dtype_policy("float32")
    twin = case.make()
    twin(**inputs)
    twin.set_weights(layer.get_weights())
    assert_close(output, twin(**inputs), {"float16": 0.01, "bfloat16": 0.1}[compute])


@every_layer
def test_a_layers_own_policy_is_that_of_its_parts(case):
    layer = case.make(dtype="mixed_bfloat16")
    layer(**case.arrays())
    given = [part for part in case.given_parts(layer) if part is not None]
    given += [inner for part in given for inner in all_sublayers(part)]
    for part in all_sublayers(layer):
        if not any(part is one for one in given):
            assert part.dtype_policy.name == "mixed_bfloat16", part.path


@every_layer
def test_gradients_against_finite_differences(case):
    layer, inputs = case.make(), case.arrays()
    expected = randomised_output(layer, inputs)
    if not layer.trainable_variables:
        return
    rng = np.random.default_rng(7)
    upstream = rng.standard_normal(expected.shape).astype("float32")
    first, *others = inputs
    rest = {name: inputs[name] for name in others}
    _, found = gradients(layer, inputs[first], upstream, **rest)
    variables = layer.trainable_variables
    values = [to_numpy(v) for v in variables]
    directions = [rng.standard_normal(v.shape).astype("float32") for v in values]

    def loss(step):
        for variable, value, direction in zip(
            variables, values, directions, strict=True
        ):
            variable.assign(value + step * direction)
        return float(np.sum(to_numpy(layer(**inputs)).astype("float64") * upstream))

    def slope(step):
        return (loss(step) - loss(-step)) / (2 * step)

    expected = (4 * slope(0.01) - slope(0.02)) / 3  # Richardson: the h^2 error goes
    actual = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert actual == pytest.approx(expected, rel=5e-3, abs=5e-3)
