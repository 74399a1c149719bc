"""Freezing, LoRA, adapter files and quantisation, on Keras's and kzoo's layers."""

import gc
import json

import keras
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from support.arrays import array, assert_close, randomise, to_numpy
from support.small_gpt2 import small_gpt2

from kzoo import layers, training
from kzoo.errors import InputError
from kzoo.training.freezing import weight_names
from kzoo.training.lora import lora_layers
from kzoo.training.quantization import quantized_layers

D, F, N, V, T = 10, 14, 2, 23, 7
IDS = np.random.default_rng(0).integers(0, V, (11, T))
LABELS = np.arange(11) % 3


@pytest.fixture(autouse=True, scope="module")
def _collect_quickly():
    """Keras collects garbage for each kernel that it quantises: leave it little."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def encoder():
    """A model of kzoo's layers between Keras's own."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(V, D, name="table")(ids)
    for index in range(2):
        x = layers.EncoderBlock(N, F, name=f"block_{index}")(x)
    x = keras.layers.EinsumDense("btd,df->btf", (None, D), name="mix")(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(ids, keras.layers.Dense(3, name="head")(x), name="encoder")
    return randomise(model)


def train(model, epochs=3):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    eagerly = keras.backend.backend() != "jax"  # tracing would take seconds a model
    model.compile(keras.optimizers.Adam(0.05), loss, run_eagerly=eagerly)
    return model.fit(IDS, LABELS, epochs=epochs, verbose=0).history["loss"]


def values(model):
    return {name: to_numpy(v).copy() for name, v in weight_names(model).items()}


def test_freezing_keeps_weights_as_they_are():
    model = encoder()
    counts = training.freeze(model, r"table|block_0/")
    assert counts.total == model.count_params()
    names = weight_names(model)
    frozen = {n for n in names if n.startswith(("table", "block_0"))}
    assert counts.frozen == sum(np.prod(names[n].shape) for n in frozen)
    before = values(model)
    train(model)
    after = values(model)
    moved = {n for n in names if not np.array_equal(before[n], after[n])}
    assert moved == set(names) - frozen
    assert training.unfreeze(model) == (model.count_params(), 0)


def test_one_weight_of_a_layer_can_be_frozen():
    model = encoder()
    assert training.freeze(model, "head/bias").frozen == 3
    assert training.unfreeze(model, "bias").frozen == 0


def test_a_frozen_batch_normalization_keeps_its_averages():
    inputs = keras.Input((D,))
    outputs = keras.layers.BatchNormalization(name="norm")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(outputs))
    training.freeze(model, "norm")
    model.compile("sgd", "mse")
    before = values(model)
    model.fit(array(13, D), array(13, 1), verbose=0)
    after = values(model)
    for name in before:
        assert np.array_equal(before[name], after[name]) == name.startswith("norm")
    assert training.unfreeze(model) == (2 * D + D + 1, 2 * D)  # averages never train


def test_a_pattern_that_matches_nothing_shows_names():
    with pytest.raises(InputError, match=r"at least one weight.*'x\^'.*table/embedd"):
        training.freeze(encoder(), "x^")


def test_weights_have_different_names():
    shared = [keras.layers.Dense(2, name="same") for _ in range(2)]
    for layer in shared:
        layer.build((None, 2))

    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = shared

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    with pytest.raises(InputError, match="two weights named 'same/kernel'"):
        training.freeze(Two(), "same")


def test_lora_changes_nothing_at_first_and_trains_adapters_only():
    model = encoder()
    before, expected = values(model), to_numpy(model(IDS))
    counts = training.enable_lora(model, 3)
    attention = 3 * ((D + 3 * D) + (D + D))
    network = 3 * 2 * (D + F)
    assert counts.trainable == 2 * (attention + network) + 3 * 2 * D + 3 * (D + 3)
    assert counts.frozen == sum(v.size for v in before.values())
    assert_close(model(IDS), expected, 1e-6)
    losses = train(model)
    assert losses[-1] < losses[0]
    after = values(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    moved = [n for n in after if "lora" in n and after[n].any()]
    assert len(moved) == 2 * len(lora_layers(model)) == 20


def test_lora_is_the_low_rank_product():
    dense = keras.layers.Dense(F, name="d")
    model = keras.Sequential([keras.Input((D,)), dense])
    training.enable_lora(model, 2, alpha=6)
    a, b = array(D, 2), array(2, F)
    dense.lora_kernel_a.assign(a)
    dense.lora_kernel_b.assign(b)
    x, kernel = array(5, D), to_numpy(dense._kernel)
    assert_close(model(x), x @ (kernel + 3 * a @ b), 1e-5)


@pytest.mark.parametrize(
    ("pattern", "count"), [("attention", 4), ("table", 1), ("block_1/.*outer", 1)]
)
def test_lora_by_pattern(pattern, count):
    model = encoder()
    training.enable_lora(model, 2, pattern=pattern)
    assert len(lora_layers(model)) == count


@pytest.mark.slow_on("jax")
def test_other_weights_train_beside_the_adapters():
    model = encoder()
    training.enable_lora(model, 2, pattern="attention", train="head|norm/")
    before = values(model)
    train(model)
    after = values(model)
    moved = {n for n in before if not np.array_equal(before[n], after[n])}
    expected = {n for n in before if "head" in n or "norm/" in n or "lora" in n}
    assert moved == expected


@pytest.mark.slow_on("jax")
def test_merging_keeps_the_answers_and_takes_the_adapters_away():
    model = encoder()
    names = list(values(model))
    training.enable_lora(model, 2, pattern="block|table|mix", alpha=5)
    train(model)
    expected = to_numpy(model(IDS))
    training.merge_lora(model)
    assert list(values(model)) == names
    assert_close(model(IDS), expected, 1e-5)
    assert lora_layers(model) == []
    assert training.unfreeze(model).frozen == 0
    training.enable_lora(model, 1)


@pytest.mark.slow_on("jax")
def test_a_merged_model_comes_back_from_a_keras_file(tmp_path):
    model = encoder()
    training.enable_lora(model, 2)
    train(model)
    training.merge_lora(model)
    model.compile("sgd", "mse")  # the old optimizer knows the adapters
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert_close(again(IDS), model(IDS), 1e-6)


def test_adapters_in_a_file_of_their_own(tmp_path):
    model, file = encoder(), tmp_path / "adapters.safetensors"
    training.enable_lora(model, 2, pattern="attention", alpha=3, train="head")
    train(model)
    training.save_adapters(model, file)
    with safe_open(file, framework="numpy") as opened:
        names = set(opened.keys())
        assert opened.metadata()["format"] == "kzoo-lora-1"
    assert names == {n for n in values(model) if "lora" in n or "head" in n}
    for fresh in (encoder(), encoder()):
        training.load_adapters(fresh, file)
        assert_close(fresh(IDS), model(IDS), 1e-6)
        training.load_adapters(fresh, file)  # again, over those that are there
        assert_close(fresh(IDS), model(IDS), 1e-6)
    assert [x.lora_alpha for x in lora_layers(fresh)] == [3] * 4
    training.merge_lora(fresh)
    assert_close(fresh(IDS), model(IDS), 1e-5)


def test_training_goes_on_from_a_file(tmp_path):
    model, file = encoder(), tmp_path / "a.safetensors"
    training.enable_lora(model, 2)
    train(model)
    training.save_adapters(model, file)
    again = encoder()
    training.enable_lora(again, 2)
    training.load_adapters(again, file)
    before = values(again)
    train(again)
    after = values(again)
    moved = {n for n in before if not np.array_equal(before[n], after[n])}
    assert moved == {n for n in before if "lora" in n}


def test_files_that_do_not_fit_change_nothing(tmp_path):
    model, file = encoder(), tmp_path / "a.safetensors"
    training.enable_lora(model, 2)
    training.save_adapters(model, file)
    other = encoder()
    training.enable_lora(other, 3)
    before = values(other)
    with pytest.raises(InputError, match="place of its shape.*lora_kernel_"):
        training.load_adapters(other, file)
    assert all(np.array_equal(v, before[n]) for n, v in values(other).items())
    small = keras.Sequential([keras.Input((D,)), keras.layers.Dense(3, name="head")])
    with pytest.raises(InputError, match="the model lacks: .*block_0"):
        training.load_adapters(small, file)
    more = encoder()
    training.enable_lora(more, 2, pattern="block|head|table|mix")
    with pytest.raises(InputError, match="adapters that .* lacks: table"):
        training.load_adapters(more, file)


def test_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "text").write_text(json.dumps({}))
    with pytest.raises(InputError, match="read from a safetensors file"):
        training.load_adapters(encoder(), tmp_path / "text")
    with pytest.raises(InputError, match="read from a safetensors file"):
        training.load_adapters(encoder(), tmp_path / "absent")
    save_file({"x": np.ones(2)}, tmp_path / "other")
    with pytest.raises(InputError, match="save_adapters wrote.*format=None"):
        training.load_adapters(encoder(), tmp_path / "other")


def test_lora_says_what_is_wrong(tmp_path):
    model = encoder()
    with pytest.raises(InputError, match="1 or more. Received: rank=0"):
        training.enable_lora(model, 0)
    with pytest.raises(InputError, match="that Keras can adapt.*'nobody'.*table"):
        training.enable_lora(model, 2, pattern="nobody")
    with pytest.raises(InputError, match="at least one weight.*train='nobody'"):
        training.enable_lora(model, 2, train="nobody")
    with pytest.raises(InputError, match="Only adapters can be merged"):
        training.merge_lora(model)
    with pytest.raises(InputError, match="of a model that has some"):
        training.save_adapters(model, tmp_path / "a")
    assert training.parameter_counts(model).frozen == 0
    training.enable_lora(model, 2)
    with pytest.raises(InputError, match="adapters once.*10 layers"):
        training.enable_lora(model, 2)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(("mode", "tolerance"), [("int8", 0.03), ("int4", 0.4)])
def test_quantised_models_answer_alike_and_come_back(mode, tolerance, tmp_path):
    model = encoder()
    expected = to_numpy(model(IDS))
    report = training.quantize(model, mode)
    assert report.layers == 11
    assert report.bytes_after < {"int8": 0.5, "int4": 0.4}[mode] * report.bytes_before
    found = to_numpy(model(IDS))
    assert 0 < np.abs(found - expected).max() < tolerance * np.abs(expected).max()
    model.save_weights(tmp_path / "q.weights.h5")
    again = encoder()
    training.quantize(again, mode)
    again.load_weights(tmp_path / "q.weights.h5")
    assert_close(again(IDS), found, 1e-6)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(("mode", "pattern"), [("int8", None), ("int4", "feed_for")])
def test_a_quantised_model_of_the_zoo_comes_back_from_an_archive(
    mode, pattern, tmp_path
):
    model = small_gpt2()
    training.quantize(model, mode, pattern=pattern)
    ids = {"token_ids": IDS}
    expected = to_numpy(model(ids))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(again(ids)), expected)
    assert quantized_layers(again) == quantized_layers(model)
    count = 8 if pattern is None else 4  # dense layers of two blocks
    assert list(quantized_layers(again).values()) == [mode] * count


def test_a_fused_projection_has_scales_by_column():
    """Query a hundred times as large costs key and value nothing."""
    layer = layers.MultiHeadAttention(N, name="attention")
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, layer(inputs))
    randomise(model)
    kernel = to_numpy(layer.query_key_value._kernel).copy()
    kernel[:, :D] *= 100
    layer.query_key_value._kernel.assign(kernel)
    training.quantize(model, "int8", pattern="query_key_value")
    dense = layer.query_key_value
    back = to_numpy(dense._kernel).astype("float32") / to_numpy(dense.kernel_scale)
    error = np.abs(back - kernel).max(0) / np.abs(kernel).max(0)
    assert error.max() <= 0.5 / 127 * 1.01


@pytest.mark.slow_on("jax")
def test_adapters_beside_quantised_kernels():
    model = encoder()
    training.quantize(model, "int8")
    expected = to_numpy(model(IDS))
    training.enable_lora(model, 2)
    assert_close(model(IDS), expected, 1e-5)
    losses = train(model)
    assert losses[-1] < losses[0]
    with pytest.raises(InputError, match="no room for an adapter.*int8"):
        training.merge_lora(model)


def test_quantisation_says_what_is_wrong():
    with pytest.raises(InputError, match="No such mode.*'int2'.*int8, int4"):
        training.quantize(encoder(), "int2")
    with pytest.raises(InputError, match="at least one kernel.*'nobody'"):
        training.quantize(encoder(), pattern="nobody")
