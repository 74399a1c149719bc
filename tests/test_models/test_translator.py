"""The translator: checkpoints in and out, the logits of those who made them."""

import json

import keras
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file
from support.presets import without_digests
from support.small_translator import (
    CONTEXT,
    HEAD,
    HEADS,
    PAD,
    VOCABULARY,
    marian_folder,
    padded,
    small_translator,
    sources,
)

from kzoo.errors import InputError
from kzoo.models import Translator
from kzoo.models.parameter_count import parameter_count
from kzoo.models.presets import PRESETS, preset_config
from kzoo.tokenizers import TranslationTokenizer

T = 13
CASES = {
    "plain": {},
    "untied head": {"tie_word_embeddings": False},
    "two vocabularies": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": VOCABULARY,
    },
    "nothing shared": {
        "share_encoder_decoder_embeddings": False,
        "decoder_vocab_size": VOCABULARY,
        "tie_word_embeddings": False,
    },
    "relu, no scale, another decoder": {
        "scale_embedding": False,
        "activation_function": "relu",
        "decoder_layers": 3,
        "decoder_attention_heads": 3,
        "decoder_ffn_dim": 31,
    },
}


def batch():
    """Return sources padded on the right and on the left, and targets."""
    ids, mask = padded(sources((5, 11, 7)))
    ids[2], mask[2] = ids[2][::-1], mask[2][::-1]
    targets = np.random.default_rng(1).integers(0, VOCABULARY, (3, T))
    return {
        "encoder_token_ids": ids,
        "encoder_padding_mask": mask,
        "decoder_token_ids": targets,
        "decoder_padding_mask": np.ones(targets.shape, bool),
    }


def logits_of(model, inputs=None):
    return keras.ops.convert_to_numpy(model(inputs or batch()))


def expected_logits(huggingface):
    inputs = batch()
    with torch.no_grad():
        return huggingface(
            input_ids=torch.tensor(inputs["encoder_token_ids"].copy()),
            attention_mask=torch.tensor(inputs["encoder_padding_mask"].copy()).long(),
            decoder_input_ids=torch.tensor(inputs["decoder_token_ids"]),
        ).logits.numpy()


def assert_logits_equal(model, huggingface):
    expected = expected_logits(huggingface)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(logits_of(model), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_marian_in_and_out(changes, tmp_path):
    huggingface = marian_folder(tmp_path / "in", **changes)
    model = Translator.from_preset(tmp_path / "in")
    assert_logits_equal(model, huggingface)
    model.export_to_transformers(tmp_path / "out")
    again = transformers.MarianMTModel.from_pretrained(tmp_path / "out").eval()
    assert_logits_equal(model, again)
    for key, tensor in huggingface.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[key], tensor, err_msg=key)
    generation = json.loads((tmp_path / "out/generation_config.json").read_text())
    assert generation["bad_words_ids"] == [[PAD]]


@pytest.mark.parametrize(
    "how", [{"max_shard_size": "20KB"}, {"safe_serialization": False}]
)
def test_sharded_and_pickled_files(how, tmp_path):
    huggingface = marian_folder(tmp_path / "whole")
    huggingface.save_pretrained(tmp_path / "parts", **how)
    assert_logits_equal(Translator.from_preset(tmp_path / "parts"), huggingface)


def changed(folder, change):
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")


def test_files_that_hold_every_table_again(tmp_path):
    huggingface = marian_folder(tmp_path)
    state = {k: v.numpy().copy() for k, v in huggingface.state_dict().items()}
    changed(tmp_path, lambda _: state)
    assert_logits_equal(Translator.from_preset(tmp_path), huggingface)
    model = Translator.from_preset(tmp_path)
    assert model.arguments["positions"] == "sinusoidal_halves"

    state["lm_head.weight"] = state["lm_head.weight"] + 1
    changed(tmp_path, lambda _: state)
    with pytest.raises(InputError, match="lm_head.weight that differs from"):
        Translator.from_preset(tmp_path)


def test_stored_positions_that_are_no_sines_are_kept(tmp_path):
    huggingface = marian_folder(tmp_path)
    rng = np.random.default_rng(2)
    tables = {
        f"model.{name}.embed_positions.weight": rng.standard_normal(
            (CONTEXT, HEADS * HEAD)
        ).astype("float32")
        for name in ("encoder", "decoder")
    }
    changed(tmp_path, lambda tensors: {**tensors, **tables})
    model = Translator.from_preset(tmp_path)
    assert model.arguments["positions"] == "learned"
    with torch.no_grad():
        for name, table in tables.items():
            huggingface.get_parameter(name).copy_(torch.tensor(table))
    assert_logits_equal(model, huggingface)


def test_a_missing_bias_is_zero(tmp_path):
    huggingface = marian_folder(tmp_path)
    changed(
        tmp_path, lambda x: {k: v for k, v in x.items() if k != "final_logits_bias"}
    )
    huggingface.final_logits_bias.zero_()
    assert_logits_equal(Translator.from_preset(tmp_path), huggingface)


def torch_twin(model):
    """Return torch's own pre-LN Transformer with the weights of a small translator."""
    layers = model.arguments["num_layers"]
    twin = torch.nn.Transformer(
        model.hidden_dim,
        model.arguments["num_heads"],
        layers,
        layers,
        model.arguments["intermediate_dim"],
        dropout=0.0,
        activation="relu",
        batch_first=True,
        norm_first=True,
    ).eval()
    ours = {
        w.path.split("/", 1)[1]: keras.ops.convert_to_numpy(w) for w in model.weights
    }
    state = {}

    def dense(target, name):
        state[f"{target}weight"] = ours[f"{name}/kernel"].T
        state[f"{target}bias"] = ours[f"{name}/bias"]

    def norm(target, name):
        state[f"{target}.weight"] = ours[f"{name}/gamma"]
        state[f"{target}.bias"] = ours[f"{name}/beta"]

    for stack in ("encoder", "decoder"):
        norm(f"{stack}.norm", f"{stack}/norm")
        for index in range(layers):
            theirs, own = f"{stack}.layers.{index}", f"{stack}/block_{index}"
            attention = f"{own}/attention/self_attention"
            dense(f"{theirs}.self_attn.in_proj_", f"{attention}/query_key_value")
            dense(f"{theirs}.self_attn.out_proj.", f"{attention}/output_projection")
            norm(f"{theirs}.norm1", f"{own}/attention/norm")
            last = "norm2"
            if stack == "decoder":
                last, cross = "norm3", f"{own}/cross_attention/encoder_attention"
                for part in ("kernel", "bias"):
                    parts = [
                        ours[f"{cross}/{n}/{part}"] for n in ("query", "key", "value")
                    ]
                    whole = np.concatenate(parts, axis=-1)
                    name = "in_proj_weight" if part == "kernel" else "in_proj_bias"
                    state[f"{theirs}.multihead_attn.{name}"] = whole.T
                dense(
                    f"{theirs}.multihead_attn.out_proj.", f"{cross}/output_projection"
                )
                norm(f"{theirs}.norm2", f"{own}/cross_attention/norm")
            network = f"{own}/feed_forward/feed_forward_network"
            dense(f"{theirs}.linear1.", f"{network}/inner")
            dense(f"{theirs}.linear2.", f"{network}/outer")
            norm(f"{theirs}.{last}", f"{own}/feed_forward/norm")
    twin.load_state_dict({k: torch.tensor(v.copy()) for k, v in state.items()})
    return twin


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")  # torch's own
def test_pre_norm_stacks_are_those_of_torch():
    model, inputs = small_translator(scale=0.2, positions="learned"), batch()

    def embedded(side, name):
        ids = inputs[f"{name}_token_ids"]
        table = getattr(model, f"{side}_token")(ids)
        stack = getattr(model, name)
        x = table + stack.position(table)
        return torch.tensor(keras.ops.convert_to_numpy(x).copy())

    causal = torch.nn.Transformer.generate_square_subsequent_mask(T)
    hidden = ~torch.tensor(inputs["encoder_padding_mask"].copy())
    with torch.no_grad():
        out = torch_twin(model)(
            embedded("source", "encoder"),
            embedded("target", "decoder"),
            tgt_mask=causal,
            tgt_is_causal=True,
            src_key_padding_mask=hidden,
            memory_key_padding_mask=hidden,
        ).numpy()
    expected = out @ keras.ops.convert_to_numpy(model.target_token.embeddings).T
    np.testing.assert_allclose(logits_of(model), expected, atol=1e-4, rtol=1e-5)


def test_a_pre_norm_marian_is_read_and_not_handed_back(tmp_path):
    marian_folder(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text()) | {"normalize_before": True}
    path.write_text(json.dumps(config))
    model = Translator.from_preset(tmp_path)
    assert model.arguments["norm_placement"] == "pre"
    assert model.encoder.norm is None  # add_final_layer_norm is false
    with pytest.raises(InputError, match="MarianMTModel"):
        model.export_to_transformers(tmp_path / "out")


@pytest.mark.parametrize(
    "odd", [{"positions": "sinusoidal"}, {"layer_norm_epsilon": 1e-3}]
)
def test_what_marian_lacks_is_named(odd, tmp_path):
    shape = {"norm_placement": "post", "positions": "sinusoidal_halves"}
    model = small_translator(**{**shape, "logits_bias": True, **odd})
    ((name, value),) = odd.items()
    with pytest.raises(InputError, match=f"Received: .*{name}={value!r}.*MarianMT"):
        model.export_to_transformers(tmp_path / "out")


def test_a_tokenizer_of_a_longer_source_is_refused(tmp_path):
    german, english = ["Ein Hund.", "Zwei Katzen."], ["A dog.", "Cats."]
    tokenizer = TranslationTokenizer.train(german * 5, english * 5, 43, joint=False)
    size = tokenizer.source_vocabulary_size
    model = small_translator(source_vocabulary_size=size - 1, tokenizer=tokenizer)
    model.save_to_preset(tmp_path)
    with pytest.raises(InputError, match=f"source_vocabulary_size={size} in .*rows"):
        Translator.from_preset(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm_placement": "post", "positions": "sinusoidal_halves"},
        {"positions": "learned", "source_vocabulary_size": 89, "logits_bias": True},
        {"tie_embeddings": False, "num_decoder_layers": 1, "decoder_num_heads": 3},
    ],
    ids=["plain", "post", "two vocabularies", "other decoder"],
)
def test_folders_and_archives_give_the_model_back(options, tmp_path):
    model = small_translator(**options)
    expected = logits_of(model)
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for again in (
        Translator.from_preset(tmp_path / "preset"),
        keras.saving.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(logits_of(again), expected)
        assert again.arguments == model.arguments


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("columns", [0, T], ids=["growing", "fixed"])
def test_cached_steps_are_the_whole_call(columns):
    model, inputs = small_translator(), batch()
    ids, encoder = inputs["decoder_token_ids"], list(inputs)[:2]
    cache = model.make_cache(3, columns, *(inputs[name] for name in encoder))
    found = []
    for index in range(T):
        mask = np.arange(columns)[None] <= index if columns else None
        x, cache = model.call_with_cache(
            ids[:, index : index + 1],
            cache,
            cache_index=index if columns else None,
            padding_mask=mask,
            positions=np.full((3, 1), index),
        )
        found.append(keras.ops.convert_to_numpy(model.head(x)))
    found = np.concatenate(found, axis=1)
    np.testing.assert_allclose(found, logits_of(model, inputs), atol=1e-4)


def test_padding_has_no_part_and_targets_see_the_past_alone():
    model, inputs = small_translator(), batch()
    expected = logits_of(model, inputs)
    other = dict(inputs)
    mask = inputs["encoder_padding_mask"]
    other["encoder_token_ids"] = np.where(mask, inputs["encoder_token_ids"], 5)
    np.testing.assert_allclose(logits_of(model, other), expected, atol=1e-6)
    later = dict(inputs)
    later["decoder_token_ids"] = inputs["decoder_token_ids"].copy()
    later["decoder_token_ids"][:, 7:] = 3
    found = logits_of(model, later)
    np.testing.assert_allclose(found[:, :7], expected[:, :7], atol=1e-6)
    assert np.abs(found[:, 7:] - expected[:, 7:]).max() > 1


def test_attention_scores_of_every_block():
    model, inputs = small_translator(), batch()
    scores = model.attention_scores(inputs)
    size = inputs["encoder_token_ids"].shape[1]
    shapes = {"encoder": (size, size), "decoder": (T, T), "cross": (T, size)}
    for name, shape in shapes.items():
        assert len(scores[name]) == 2
        for found in scores[name]:
            found = keras.ops.convert_to_numpy(found)
            assert found.shape == (3, HEADS, *shape)
            np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    own = keras.ops.convert_to_numpy(scores["decoder"][1])
    assert np.triu(own[0, 0], 1).max() == 0
    hidden = ~inputs["encoder_padding_mask"]
    cross = keras.ops.convert_to_numpy(scores["cross"][1]).transpose(0, 3, 1, 2)
    assert cross[hidden].max() == 0


def test_presets_have_the_sizes_of_the_papers():
    counts = {
        name: parameter_count(preset_config("Translator", name), "Translator")
        for name in PRESETS["Translator"]
    }
    assert round(counts["transformer-base"] / 1e6) == 63  # 65 in the paper's table 3
    assert round(counts["transformer-big"] / 1e6) == 214  # 213
    assert counts["translator-small"] <= 9_040_000
    tiny = Translator.from_preset("translator-tiny")
    assert counts["translator-tiny"] == tiny.count_params()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"positions": "sines"}, "positions"),
        ({"norm_placement": "none"}, "norm_placement"),
        (
            {"start_id": 0, "pad_id": VOCABULARY},
            f"pad_id={VOCABULARY}, vocabulary_size={VOCABULARY}",
        ),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"num_decoder_layers": 0}, "num_decoder_layers=0"),
        ({"decoder_intermediate_dim": 0}, "decoder_intermediate_dim=0"),
    ],
)
def test_bad_arguments(changes, match):
    with pytest.raises(InputError, match=match):
        small_translator(**changes)


def test_a_tokenizer_with_another_end_is_refused(tmp_path):
    small_translator(end_id=5).save_to_preset(tmp_path)
    without_digests(tmp_path)
    texts = ["Der Hund und die Katze.", "Ein Haus, kein Baum!"] * 5
    TranslationTokenizer.train(texts, texts, 41).save(tmp_path / "tokenizer")
    with pytest.raises(InputError, match="end_id=5 of the model, 0 of the tokenizer"):
        Translator.from_preset(tmp_path)
