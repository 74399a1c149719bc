"""Training on several devices of JAX, against training on one."""

import functools
import re

import keras
import numpy as np
import pytest
from support.groups import assert_trains_as_one_process
from support.trainings import (
    FAMILIES,
    compiled,
    data_of,
    difference,
    every_way,
    model_of,
    trained,
)

from kzoo import training
from kzoo.errors import InputError
from kzoo.models import layout_map
from kzoo.training.distribution.jax_strategy import parse_mesh

jax_only = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="runs in the JAX pass"
)
CLASSES = {
    "classifier": "TextClassifier",
    "gpt2": "GPT2CausalLM",
    "translator": "Translator",
}


ONE_EPOCH = {"epochs": 1}


@pytest.fixture(autouse=True)
def _compile_quickly():
    """Leave out what makes programs of a few steps slower to compile than to run."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.devices()  # from here on there are as many as there are
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def strategy_of(name, family, devices=2, **options):
    if name == "model-parallel":
        options["layouts"] = layout_map(CLASSES[family])
    return training.strategy(name, devices=devices, **options)


@functools.cache
def on_one_device(family):
    return trained(family, "none", **ONE_EPOCH)


def assert_same_training(family, name, *, tolerance=1e-6, options=None, **kwargs):
    one, history = (
        on_one_device(family)
        if kwargs == ONE_EPOCH
        else trained(family, "none", **kwargs)
    )
    strategy = strategy_of(name, family, **options or {})
    several, shared = trained(family, strategy, **kwargs)
    assert difference(one, several) < tolerance
    assert history.keys() == shared.keys()
    for key, values in history.items():
        np.testing.assert_allclose(shared[key], values, rtol=10 * tolerance)
    return one, several


@jax_only
def test_two_devices_train_as_one():
    """With clipping, dropout, weights of tokens and a last batch of few rows."""
    assert_same_training("gpt2", "data-parallel", **ONE_EPOCH)


@jax_only
def test_weights_cut_over_devices_train_as_on_one():
    _, two = assert_same_training("gpt2", "model-parallel", **ONE_EPOCH)
    cut = {v.path: tuple(v.value.sharding.spec) for v in two.trainable_variables}
    cut = {path.split("/", 1)[1]: spec for path, spec in cut.items()}
    attention = "block_0/attention/self_attention"
    assert cut[f"{attention}/query_key_value/kernel"] == (None, "model")
    assert cut[f"{attention}/output_projection/kernel"] == ("model", None)
    # 23 columns do not divide by two.
    network = "block_0/feed_forward/feed_forward_network"
    assert cut[f"{network}/inner/kernel"] == (None, None)
    slots = [v for v in two.optimizer.variables if "query_key_value_kernel" in v.path]
    assert len(slots) == 4  # both means of two blocks
    assert all("model" in tuple(v.value.sharding.spec) for v in slots)


@jax_only
def test_each_device_computes_its_rows():
    """Seen in the compiled program: logits are of three of the five rows."""
    import jax

    strategy = strategy_of("data-parallel", "gpt2")
    with strategy.scope():
        model = model_of("gpt2")
        compiled("gpt2", model, training.adamw())
        batch = data_of("gpt2").batches.batch(0, 0)
        model._symbolic_build(data_batch=batch)
        kinds = ("trainable", "non_trainable", "optimizer", "metrics")
        state = model._get_jax_state(**{f"{kind}_variables": True for kind in kinds})
        text = jax.jit(model.train_step).lower(state, batch).compile().as_text()
    assert batch[1].shape == (5, 7)
    assert "f32[3,7,29]" in text
    assert "f32[5,7,29]" not in text
    assert "all-reduce" in text


@jax_only
def test_weights_go_from_two_devices_to_one_and_back():
    with strategy_of("model-parallel", "gpt2").scope():
        two = model_of("gpt2")
    one = model_of("gpt2")
    one.set_weights(two.get_weights())
    assert difference(one, two) == 0
    before = [v.value.sharding for v in two.trainable_variables]
    assert len(set(before)) > 1
    two.set_weights([weight + 1 for weight in one.get_weights()])
    assert [v.value.sharding for v in two.trainable_variables] == before
    np.testing.assert_array_equal(two.get_weights()[0], one.get_weights()[0] + 1)


@pytest.mark.slow
@jax_only
@pytest.mark.parametrize("first", ["two", "one"])
def test_a_checkpoint_of_two_devices_goes_on_on_one_and_back(first, tmp_path):
    """Weights, slots and position: the second epoch is taken by the other."""
    strategies = {
        "one": training.strategy("none"),
        "two": strategy_of("model-parallel", "classifier"),
    }
    second = "one" if first == "two" else "two"

    def callbacks(data):
        yield training.Checkpoints(tmp_path, data, every_steps=2)

    expected, _ = trained("classifier", "none", epochs=2)
    trained("classifier", strategies[first], epochs=1, callbacks=callbacks)
    found, _ = trained("classifier", strategies[second], epochs=2, callbacks=callbacks)
    assert found.optimizer.iterations == 6
    assert difference(expected, found) < 1e-6


@jax_only
def test_any_keras_model_trains_as_on_one_device():
    """Arrays, statistics of a batch, a regulariser, and a last batch of one row."""

    def fitted(strategy):
        training.set_seed(2)
        with strategy.scope():
            model = keras.Sequential(
                [
                    keras.Input((3,)),
                    keras.layers.Dense(7, activation="tanh"),
                    keras.layers.BatchNormalization(),
                    keras.layers.Dropout(0.5),
                    keras.layers.Dense(2, kernel_regularizer="l2"),
                ]
            )
            model = training.distributed(model)
            optimizer = keras.optimizers.Adam(0.01, epsilon=1e-3)
            model.compile(optimizer, "mse", metrics=["mae"])
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
        history = model.fit(x, y, batch_size=4, shuffle=False, epochs=3, verbose=0)
        return model, {
            **history.history,
            "predicted": model.predict(x, batch_size=4, verbose=0),
        }

    one, history = fitted(training.strategy("none"))
    two, shared = fitted(training.strategy("data-parallel", devices=2))
    assert difference(one, two) < 1e-6
    for name, values in history.items():
        np.testing.assert_allclose(shared[name], values, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@jax_only
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["data-parallel", "model-parallel"])
@every_way
def test_fifty_steps_on_two_devices(family, name, options, tolerance):
    if name == "model-parallel" and options.get("precision") == "mixed_bfloat16":
        tolerance = 1e-3  # sums are cut, and float32 rounds them in another order
    assert_same_training(family, name, epochs=17, tolerance=tolerance, **options)


@pytest.mark.slow
@jax_only
@pytest.mark.parametrize("family", FAMILIES)
def test_a_mesh_of_rows_and_weights(family):
    options = {"mesh": "2x2", "devices": None}
    assert_same_training(family, "model-parallel", options=options, epochs=2)


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX, of any fork
@pytest.mark.slow
@jax_only
@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_train_as_one(family, tmp_path):
    """Fifty steps, the processes meeting through `jax.distributed`."""
    options = {"epochs": 17, "data": {"count": 11, "batch_size": 5}}
    assert_trains_as_one_process("data-parallel", family, tmp_path, **options)


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX, of any fork
@pytest.mark.slow
@jax_only
def test_weights_cut_over_two_processes_train_as_one(tmp_path):
    options = {"epochs": 2, "layouts_of": CLASSES["gpt2"]}
    assert_trains_as_one_process("model-parallel", "gpt2", tmp_path, **options)


@jax_only
@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("data-parallel", {"devices": 9}, "devices=9, of which JAX sees 4"),
        ("model-parallel", {"layouts": {}, "mesh": "3x2"}, "devices=6"),
        (
            "model-parallel",
            {"layouts": {}, "mesh": "1x2", "devices": 3},
            "mesh=1x2, 3 devices",
        ),
    ],
)
def test_there_must_be_as_many_devices(name, options, match):
    with pytest.raises(InputError, match=match):
        training.strategy(name, **options)


@jax_only
def test_a_layout_fits_its_weight():
    layouts = {".+/kernel": (None, "model", None)}
    strategy = training.strategy("model-parallel", layouts=layouts, devices=2)
    with (
        strategy.scope(),
        pytest.raises(InputError, match=r"'dense[^']*/kernel', shape \(3, 2\)"),
    ):
        keras.layers.Dense(2).build((None, 3))


def test_meshes_of_text():
    assert parse_mesh(None) is None
    assert parse_mesh("2X4") == (2, 4)


@pytest.mark.parametrize("text", ["2", "2x", "0x2", "2x2x2", "axb"])
def test_what_is_no_mesh(text):
    with pytest.raises(InputError, match=f"mesh='{text}'"):
        parse_mesh(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_layouts_fit_the_weights_of_each_family(family):
    """Each pattern is some weight's, no weight has two, and dimensions agree."""
    extra = {
        "classifier": {"ngram_sizes": (2,), "ngram_buckets": 16},
        "gpt2": {"tie_embeddings": False},
        "translator": {"tie_embeddings": False, "logits_bias": True},
    }
    weights = {v.path: v for v in model_of(family, **extra[family]).weights}
    patterns, used = layout_map(CLASSES[family]), set()
    for path, variable in weights.items():
        found = [p for p in patterns if re.fullmatch(p, path)]
        assert len(found) <= 1, path
        for pattern in found:
            assert len(patterns[pattern]) == len(variable.shape), path
        used.update(found)
    assert used == set(patterns)


def test_an_unknown_family_has_no_layout():
    with pytest.raises(InputError, match="family"):
        layout_map("Diffusion")
