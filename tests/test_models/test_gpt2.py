"""GPT-2: the model, its checkpoints in and out, its logits those of transformers."""

import base64
import json

import keras
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from kzoo.errors import InputError
from kzoo.models import GPT2CausalLM
from kzoo.models.parameter_count import parameter_count
from kzoo.models.presets import PRESETS, preset_config

# Pairwise different primes, so that no transposed axis can pass.
BATCH, LENGTH, VOCABULARY, LAYERS, HEADS, HEAD, INNER = 3, 11, 97, 2, 7, 6, 53
SIZES = {
    "vocab_size": VOCABULARY,
    "n_embd": HEADS * HEAD,
    "n_layer": LAYERS,
    "n_head": HEADS,
    "n_positions": 31,
}
CASES = {
    "plain": {},
    "inner width, relu": {"n_inner": INNER, "activation_function": "relu"},
    "exact gelu": {"activation_function": "gelu", "layer_norm_epsilon": 1e-3},
    "scaled by layer": {"scale_attn_by_inverse_layer_idx": True},
    "upcast": {"reorder_and_upcast_attn": True, "scale_attn_weights": False},
    "untied": {"tie_word_embeddings": False},
    "another width": {"n_embd": 26, "n_head": 2},
}


def huggingface_model(**changes):
    """Return a random model whose logits are far from zero."""
    torch.manual_seed(0)
    # Only the eager attention of transformers heeds every field of the config.
    config = transformers.GPT2Config(
        **{**SIZES, **changes}, attn_implementation="eager"
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0).add_(0.02 * torch.randn(parameter.shape))
    return model


def batch():
    """Return ids, a mask with padding on the right and on the left, positions."""
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, LENGTH))
    mask = np.ones((BATCH, LENGTH), bool)
    mask[1, 7:] = mask[2, :3] = False
    return ids, mask, np.maximum(mask.cumsum(1) - 1, 0)


def logits_of(model, ids, mask):
    inputs = {"token_ids": ids.astype("int32"), "padding_mask": mask}
    return keras.ops.convert_to_numpy(model(inputs))


def assert_logits_equal(model, huggingface):
    ids, mask, positions = batch()
    with torch.no_grad():
        expected = huggingface(
            input_ids=torch.tensor(ids),
            attention_mask=torch.tensor(mask.astype("int64")),
            position_ids=torch.tensor(positions),
        ).logits.numpy()
    assert np.abs(expected).max() > 1
    found = logits_of(model, ids, mask)
    np.testing.assert_allclose(found[mask], expected[mask], atol=1e-4, rtol=0)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_logits_in_and_out(changes, tmp_path):
    huggingface = huggingface_model(**changes)
    huggingface.save_pretrained(tmp_path / "in")
    model = GPT2CausalLM.from_preset(tmp_path / "in")
    assert_logits_equal(model, huggingface)
    model.export_to_transformers(tmp_path / "out")
    again = transformers.GPT2LMHeadModel.from_pretrained(
        tmp_path / "out", attn_implementation="eager"
    ).eval()
    assert_logits_equal(model, again)
    for key, tensor in huggingface.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[key], tensor, err_msg=key)


@pytest.mark.parametrize(
    "how", [{"max_shard_size": "20KB"}, {"safe_serialization": False}]
)
def test_sharded_and_pickled_files(how, tmp_path):
    huggingface = huggingface_model()
    huggingface.save_pretrained(tmp_path, **how)
    assert_logits_equal(GPT2CausalLM.from_preset(tmp_path), huggingface)


def renamed(folder, change):
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")


def test_names_without_a_prefix_and_masks_of_old_checkpoints(tmp_path):
    huggingface = huggingface_model()
    huggingface.save_pretrained(tmp_path)

    def change(tensors):
        new = {k.removeprefix("transformer."): v for k, v in tensors.items()}
        new["h.0.attn.bias"] = np.tri(31, dtype="float32")[None, None]
        new["h.1.attn.masked_bias"] = np.array(-1e4, "float32")
        new["lm_head.weight"] = new["wte.weight"]
        return new

    renamed(tmp_path, change)
    assert_logits_equal(GPT2CausalLM.from_preset(tmp_path), huggingface)


def test_every_tensor_is_accounted_for(tmp_path):
    huggingface_model().save_pretrained(tmp_path)

    def change(tensors):
        del tensors["transformer.h.1.ln_2.bias"]
        tensors["score.weight"] = np.zeros((2, 42), "float32")
        tensors["transformer.ln_f.bias"] = np.zeros(41, "float32")
        return tensors

    renamed(tmp_path, change)
    message = "missing: transformer.h.1.ln_2.bias; unexpected: .*score.weight; wrong"
    with pytest.raises(InputError, match=message):
        GPT2CausalLM.from_preset(tmp_path)


def test_a_tied_head_must_be_the_table(tmp_path):
    huggingface_model().save_pretrained(tmp_path)
    head = {"lm_head.weight": np.ones((VOCABULARY, 42), "float32")}
    renamed(tmp_path, lambda tensors: {**tensors, **head})
    with pytest.raises(InputError, match="tied head.*lm_head.weight that differs"):
        GPT2CausalLM.from_preset(tmp_path)


def test_a_vocabulary_that_the_checkpoint_disagrees_with(tmp_path):
    huggingface_model().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["vocab_size"] = 101
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"wte.weight: \(97, 42\), not \(101, 42\)"):
        GPT2CausalLM.from_preset(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("add_cross_attention", True),
        ("activation_function", "mish"),
        ("n_ctx", 7),
        ("attn_logit_soft_cap", 3.0),
    ],
)
def test_a_field_that_is_not_supported(field, value, tmp_path):
    huggingface_model().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config[field] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=f"never ignored.*{field}="):
        GPT2CausalLM.from_preset(tmp_path)


def test_a_config_of_another_family(tmp_path):
    transformers.BertConfig().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="reads checkpoints of its own.*'bert'"):
        GPT2CausalLM.from_preset(tmp_path)


@pytest.mark.slow_on("jax")
def test_packed_texts_are_as_each_alone(tmp_path):
    huggingface_model().save_pretrained(tmp_path)
    model = GPT2CausalLM.from_preset(tmp_path)
    ids, _, _ = batch()
    packed = {
        "token_ids": ids.astype("int32"),
        "segment_ids": np.array([[5] * 4 + [8] * 7] * BATCH, "int32"),
    }
    found = keras.ops.convert_to_numpy(model(packed))
    for part in (slice(0, 4), slice(4, 11)):
        alone = {"token_ids": ids[:, part].astype("int32")}
        expected = keras.ops.convert_to_numpy(model(alone))
        np.testing.assert_allclose(found[:, part], expected, atol=1e-4)


def test_a_mingpt_checkpoint_gives_its_expected_values(shared_data, tmp_path):
    """minGPT's sorter: `Linear` layout, an untied head, the values it came with."""
    folder = shared_data / "checkpoints" / "mingpt_nano_sort"
    stored, expected = (
        json.loads((folder / f"gpt-nano-sort-{name}.json").read_text())
        for name in ("model", "t0-partials")
    )
    sizes = stored["config"]
    linear = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    tensors = {
        name: np.ascontiguousarray(x.T if name.endswith(linear) else x)
        for name, x in ((n, decoded(v)) for n, v in stored.items() if n != "config")
    }
    save_file(tensors, tmp_path / "model.safetensors")
    config = {
        "model_type": "gpt2",
        "vocab_size": sizes["vocab_size"],
        "n_embd": sizes["n_embd"],
        "n_layer": sizes["n_layer"],
        "n_head": sizes["n_head"],
        "n_positions": sizes["block_size"],
        "tie_word_embeddings": False,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = GPT2CausalLM.from_preset(tmp_path)
    ids = decoded(expected["idx"])
    logits = logits_of(model, ids, np.ones(ids.shape, bool))
    np.testing.assert_allclose(logits, decoded(expected["lm_head"]), atol=1e-4)
    given, in_order = [2, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 2]
    text = np.array([[*given, *in_order[:-1]]])  # each next one follows what is right
    found = logits_of(model, text, text >= 0)[0].argmax(-1)
    assert found[len(given) - 1 :].tolist() == in_order


def decoded(entry):
    kind = {"torch.float32": "<f4", "torch.int64": "<i8"}[entry["dtype"]]
    data = np.frombuffer(base64.b64decode(entry["data"]), kind)
    return data.reshape(entry["shape"])


def test_the_start_is_that_of_the_paper():
    model = GPT2CausalLM.from_preset("gpt2-tiny")
    by_end = {
        v.path.split("/", 1)[1]: keras.ops.convert_to_numpy(v) for v in model.weights
    }
    outer = by_end["block_1/feed_forward/feed_forward_network/outer/kernel"]
    inner = by_end["block_1/feed_forward/feed_forward_network/inner/kernel"]
    assert inner.std() == pytest.approx(0.02, rel=0.05)
    assert outer.std() == pytest.approx(0.02 / 2, rel=0.05)
    attention = by_end["block_0/attention/self_attention/output_projection/kernel"]
    assert attention.std() == pytest.approx(0.02 / 2, rel=0.05)


def test_dropout_has_its_three_places():
    ids, mask, _ = batch()
    inputs = {"token_ids": ids.astype("int32"), "padding_mask": mask}
    none = {"dropout": 0.0, "embedding_dropout": 0.0, "attention_dropout": 0.0}
    for place in (None, *none):
        rates = none if place is None else {**none, place: 0.5}
        model = GPT2CausalLM(VOCABULARY, 42, LAYERS, HEADS, 31, **rates)
        still = keras.ops.convert_to_numpy(model(inputs))
        moved = keras.ops.convert_to_numpy(model(inputs, training=True))
        assert np.array_equal(still, moved) == (place is None)


@pytest.mark.parametrize("name", ["gpt2-tiny", "gpt2-nano"])
def test_presets_have_as_many_parameters_as_counted(name):
    config = preset_config("GPT2CausalLM", name)
    model = GPT2CausalLM.from_preset(name)
    assert parameter_count(config, "GPT2CausalLM") == model.count_params()


def test_the_big_presets_are_gpt2s_sizes():
    counts = {
        name: parameter_count(config, "GPT2CausalLM")
        for name, (_, config) in PRESETS["GPT2CausalLM"].items()
    }
    assert counts["gpt2"] == 124_439_808
    assert counts["gpt2-medium"] == 354_823_168
    assert counts["gpt2-large"] == 774_030_080
    assert counts["gpt2-xl"] == 1_557_611_200


def test_folders_and_keras_files_round_trip(tmp_path):
    model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=VOCABULARY)
    ids, mask, _ = batch()
    expected = logits_of(model, ids, mask)
    model.save_to_preset(tmp_path / "run")
    again = GPT2CausalLM.from_preset(tmp_path / "run")
    np.testing.assert_allclose(logits_of(again, ids, mask), expected, atol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(logits_of(loaded, ids, mask), expected, atol=1e-6)


def test_training_lowers_the_loss():
    model = GPT2CausalLM.from_preset("gpt2-tiny", vocabulary_size=VOCABULARY)
    rng = np.random.default_rng(0)
    start = rng.integers(0, VOCABULARY, (32, 1))
    ids = ((start + np.arange(12)) % VOCABULARY).astype("int32")  # counting up
    inputs = {"token_ids": ids[:, :-1], "padding_mask": np.ones((32, 11), bool)}
    model.optimizer.learning_rate = 3e-3
    weights = np.ones((32, 11), "float32")
    history = model.fit(inputs, ids[:, 1:], sample_weight=weights, epochs=30, verbose=0)
    losses = history.history["loss"]
    assert losses[0] == pytest.approx(np.log(VOCABULARY), abs=0.2)
    assert losses[-1] < losses[0] / 2
