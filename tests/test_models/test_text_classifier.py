"""The classifier itself: presets, folders, archives, texts."""

import keras
import numpy as np
import pytest
from support.presets import without_digests

import kzoo
from kzoo.errors import InputError
from kzoo.models import TextClassifier, list_presets
from kzoo.models.presets import PRESETS
from kzoo.tokenizers import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["fine", "film", "dull", "plot", "a", "the", "##s", "not"]
TEXTS = ["a fine film", "the dull plots", "", b"not \xff fine", ("a film", "dull")]


def tiny(**overrides) -> TextClassifier:
    arguments = {
        "vocabulary_size": 13,
        "hidden_dim": 12,
        "intermediate_dim": 17,
        "max_sequence_length": 19,
        "tokenizer": WordPieceTokenizer(SPECIAL + WORDS),
        **overrides,
    }
    return TextClassifier.from_preset("encoder-tiny", **arguments)


def batch(rows=3, length=7):
    rng = np.random.default_rng(0)
    mask = np.ones((rows, length), bool)
    mask[1, 4:] = False
    ids = rng.integers(5, 13, (rows, length)).astype("int32")
    return {"token_ids": ids, "padding_mask": mask}


def logits(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs))


VARIANTS = {
    "bert-shaped": {
        "norm_placement": "post",
        "pooling": "first",
        "pooler_activation": "tanh",
    },
    "pre-norm": {},
    "sinusoidal": {"positions": "sinusoidal", "num_segments": 0},
    "no-positions": {"positions": "none"},
    "n-grams": {"ngram_sizes": (1, 2), "ngram_buckets": 101, "encoder_length": 5},
    "three-labels": {"label_names": ("x", "y", "z"), "activation": "gelu_tanh"},
}


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("name", VARIANTS)
def test_round_trips(name, tmp_path):
    model = tiny(**VARIANTS[name])
    expected = logits(model, batch())
    assert expected.shape == (3, len(model.label_names))

    model.save_to_preset(tmp_path / "preset")
    again = TextClassifier.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(logits(again, batch()), expected)
    assert again.tokenizer.vocabulary == model.tokenizer.vocabulary
    assert again.get_config().keys() == model.get_config().keys()

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits(again, batch()), expected)
    assert again.classify(TEXTS) == model.classify(TEXTS)

    again = TextClassifier.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(logits(again, batch()), expected)


def test_preset_folder_is_data_alone(tmp_path):
    tiny().save_to_preset(tmp_path)
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*"))
    assert [n for n in names if not n.startswith("tokenizer/")] == [
        "config.json",
        "manifest.json",
        "model.safetensors",
    ]
    assert all(n.endswith((".json", ".safetensors", ".txt")) for n in names)


def test_padding_and_company_change_nothing():
    model = tiny()
    inputs = batch()
    together = logits(model, inputs)
    alone = {k: v[1:2, :4] for k, v in inputs.items()}
    np.testing.assert_allclose(logits(model, alone), together[1:2], atol=1e-6)
    inputs["token_ids"][1, 4:] = 0
    np.testing.assert_allclose(logits(model, inputs), together, atol=1e-6)


def with_ngrams(**overrides):
    """Return a model whose n-grams speak, with the texts they were counted on."""
    model = tiny(**VARIANTS["n-grams"], **overrides)
    texts = kzoo.data.Examples(
        ["fine film", "a fine plot", "dull film", "the dull plot"] * 2,
        np.array([1, 1, 0, 0] * 2),
        model.label_names,
    )
    return model, kzoo.data.batches(texts, model.tokenizer, batch_size=4)


@pytest.mark.slow_on("tensorflow")
@pytest.mark.slow_on("jax")
def test_fit_counts_the_ngrams_first():
    model, data = with_ngrams()
    assert not model.ngrams.adapted
    model.optimizer.learning_rate = 0.01
    model.fit(data, epochs=30, verbose=0)
    assert model.ngrams.adapted
    counted = keras.ops.convert_to_numpy(model.ngrams.ratio)
    assert [r.label for r in model.classify(["fine film", "dull film"])] == [
        "1",
        "0",
    ]
    model.fit(data, epochs=1, verbose=0)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model.ngrams.ratio), counted
    )


def test_encoder_reads_the_first_tokens_and_ngrams_all():
    model, data = with_ngrams()
    ids = np.array([[5, 6, 7, 8, 9, 10, 11]], "int32")
    swapped = np.array([[5, 6, 7, 8, 9, 11, 10]], "int32")
    before = [logits(model, {"token_ids": i}) for i in (ids, swapped)]
    np.testing.assert_array_equal(*before)
    model.adapt(data)
    rng = np.random.default_rng(0)
    model.ngrams.ratio.assign(rng.normal(size=(101, 2)))
    model.ngrams.evidence.assign(rng.normal(size=(101, 1)))
    after = [logits(model, {"token_ids": i}) for i in (ids, swapped)]
    assert np.abs(after[0] - after[1]).max() > 1e-3


@pytest.mark.slow_on("jax")
def test_classify_keeps_the_order():
    model = tiny()
    texts = ["a " * n for n in (9, 1, 30, 4)] + TEXTS
    results = model.classify(texts, batch_size=2)
    for text, result in zip(texts, results, strict=True):
        (alone,) = model.classify([text])
        assert result.label == alone.label
        assert result.score == pytest.approx(alone.score, abs=1e-6)
        assert sum(result.scores.values()) == pytest.approx(1.0)
        assert result.score == max(result.scores.values())
    assert model.classify("a film")[0].label in model.label_names
    assert model.classify([]) == []


def test_trains_with_plain_fit():
    rng = np.random.default_rng(0)
    ids = rng.integers(5, 13, (256, 6)).astype("int32")
    labels = (ids == 7).any(axis=1).astype("int32")
    model = tiny()
    model.optimizer.learning_rate = 3e-3
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids, "bool")}
    history = model.fit(inputs, labels, epochs=15, batch_size=32, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["loss"][-1] < history["loss"][0] / 2


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    expected = logits(tiny(), batch())
    keras.config.set_dtype_policy(policy)
    model = tiny()
    assert model.embedding.token.compute_dtype == policy.removeprefix("mixed_")
    assert {str(w.dtype) for w in model.trainable_weights} == {"float32"}
    keras.config.set_dtype_policy("float32")
    reference = tiny()
    reference.set_weights(model.get_weights())
    got = logits(model, batch())
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, logits(reference, batch()), atol=0.1)
    assert got.shape == expected.shape


def test_attention_scores():
    model = tiny()
    scores = model.attention_scores(batch())
    assert len(scores) == 2
    for layer in scores:
        layer = keras.ops.convert_to_numpy(layer)
        assert layer.shape == (3, 4, 7, 7)
        np.testing.assert_allclose(layer.sum(-1), 1.0, atol=1e-5)
        assert not layer[1, :, :, 4:].any()


@pytest.mark.slow_on("jax")
def test_presets_have_the_published_sizes():
    assert list(list_presets("TextClassifier")) == list(PRESETS["TextClassifier"])
    sizes = {
        "encoder-tiny": None,
        "distilbert-base": 66_955_010,
        "bert-base": 109_483_778,
    }
    for name, parameters in sizes.items():
        model = TextClassifier.from_preset(name)
        if parameters:
            assert model.count_params() == parameters


@pytest.mark.slow
def test_bert_large_has_the_published_size():
    assert TextClassifier.from_preset("bert-large").count_params() == 335_143_938


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"label_names": ("one",)}, "two or more different labels"),
        ({"label_names": ("a", "a")}, "two or more different labels"),
        ({"norm_placement": "sandwich"}, "No such norm_placement"),
        ({"pooling": "max"}, "No such pooling.*first, mean"),
        ({"positions": "rotary"}, "No such positions"),
        ({"dropout": 1.0}, "at least 0 and below 1"),
        ({"num_heads": 5}, "shared out evenly"),
        ({"hidden_dim": 0}, "1 or more"),
        ({"activation": "gelo"}, "known name"),
        ({"depth": 3}, "No such constructor argument.*depth"),
    ],
)
def test_bad_arguments(overrides, message):
    with pytest.raises(InputError, match=message):
        tiny(**overrides)


def test_bad_sources(tmp_path):
    with pytest.raises(InputError, match="source='bert-bass'.*bert-base"):
        TextClassifier.from_preset("bert-bass")
    with pytest.raises(InputError, match=r"holds config\.json"):
        TextClassifier.from_preset(tmp_path)
    with pytest.raises(InputError, match="No such family"):
        list_presets("Diffusion")
    model = tiny()
    model.tokenizer = None
    with pytest.raises(InputError, match="need the model's tokenizer"):
        model.classify("a film")
    with pytest.raises(InputError, match="architecture of the model's shape"):
        model.export_to_transformers(tmp_path)


def test_hub_sources_download_a_snapshot(monkeypatch, tmp_path):
    """The hub's own client is asked; here it answers from a local folder."""
    import huggingface_hub

    tiny().save_to_preset(tmp_path)
    asked = []

    def snapshot_download(repository, **kwargs):
        asked.append(repository)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert TextClassifier.from_preset("hf://me/mine").label_names == ("0", "1")
    assert asked == ["me/mine"]


def test_hub_failures_are_one_line(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def snapshot_download(repository, **kwargs):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(InputError, match="source='hf://me/mine'.*no network"):
        TextClassifier.from_preset("hf://me/mine")


def test_preset_of_another_model(tmp_path):
    import json

    tiny().save_to_preset(tmp_path)
    path = tmp_path / "config.json"
    without_digests(tmp_path)
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "model": "GPT2CausalLM"}))
    with pytest.raises(InputError, match="must hold a TextClassifier"):
        TextClassifier.from_preset(tmp_path)
    value["config"]["surprise"] = 1
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match="constructor's arguments only.*surprise"):
        TextClassifier.from_preset(tmp_path)


def test_vocabulary_that_does_not_match(tmp_path):
    tiny().save_to_preset(tmp_path)
    without_digests(tmp_path)
    WordPieceTokenizer([*SPECIAL, *WORDS, "extra"]).save(tmp_path / "tokenizer")
    with pytest.raises(InputError, match="Every token needs a row"):
        TextClassifier.from_preset(tmp_path)
