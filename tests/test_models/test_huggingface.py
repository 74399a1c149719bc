"""Checkpoints of Hugging Face, in and out: the logits are transformers' own."""

import keras
import numpy as np
import pytest
import torch
import transformers

from kzoo.models import TextClassifier

# Pairwise different primes, so that no transposed axis can pass.
BATCH, LENGTH, VOCABULARY, LAYERS, HEADS, HEAD, INNER = 3, 11, 97, 2, 7, 6, 53
HIDDEN = HEADS * HEAD

BERT = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": 31,
}
ROBERTA = {
    **BERT,
    "max_position_embeddings": 33,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
}
DISTILBERT = {
    "vocab_size": VOCABULARY,
    "dim": HIDDEN,
    "n_layers": LAYERS,
    "n_heads": HEADS,
    "hidden_dim": INNER,
    "max_position_embeddings": 31,
}
CASES = {
    "bert": ("Bert", BERT),
    "bert-gelu-new": ("Bert", {**BERT, "hidden_act": "gelu_new", "num_labels": 5}),
    "bert-relu-3-segments": (
        "Bert",
        {**BERT, "hidden_act": "relu", "type_vocab_size": 3, "layer_norm_eps": 1e-5},
    ),
    "bert-other-sizes": (
        "Bert",
        {**BERT, "hidden_size": 26, "num_attention_heads": 2, "num_labels": 3},
    ),
    "roberta": ("Roberta", ROBERTA),
    "roberta-other": (
        "Roberta",
        {**ROBERTA, "pad_token_id": 3, "type_vocab_size": 2, "hidden_act": "gelu_new"},
    ),
    "distilbert": ("DistilBert", DISTILBERT),
    "distilbert-sinusoidal": (
        "DistilBert",
        {**DISTILBERT, "sinusoidal_pos_embds": True, "num_labels": 5},
    ),
    "distilbert-relu": ("DistilBert", {**DISTILBERT, "activation": "relu"}),
}


def huggingface_model(kind, config, spread=4.0):
    """Return a random model whose logits are far from zero."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**config)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "position" not in name:
                parameter.mul_(spread).add_(0.02 * torch.randn(parameter.shape))
    return model


def inputs_for(model):
    """Return one batch as ours and as transformers', padded right and left."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, VOCABULARY, (BATCH, LENGTH))
    mask = np.ones((BATCH, LENGTH), bool)
    mask[1, 7:] = mask[2, :3] = False
    ours = {"token_ids": ids.astype("int32"), "padding_mask": mask}
    theirs = {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask.astype("int64")),
    }
    segments = getattr(model.config, "type_vocab_size", 0)
    if segments:
        segment_ids = rng.integers(0, segments, (BATCH, LENGTH))
        ours["segment_ids"] = segment_ids.astype("int32")
        theirs["token_type_ids"] = torch.tensor(segment_ids)
    return ours, theirs


def assert_logits_equal(model, huggingface):
    """Check our logits against transformers' to 1e-4."""
    ours, theirs = inputs_for(huggingface)
    with torch.no_grad():
        expected = huggingface(**theirs).logits.numpy()
    got = keras.ops.convert_to_numpy(model(ours))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_logits_in_and_out(name, tmp_path):
    huggingface = huggingface_model(*CASES[name])
    huggingface.save_pretrained(tmp_path / "in")
    model = TextClassifier.from_preset(tmp_path / "in")
    assert_logits_equal(model, huggingface)

    model.export_to_transformers(tmp_path / "out")
    again = type(huggingface).from_pretrained(tmp_path / "out").eval()
    assert_logits_equal(model, again)
    for key, tensor in huggingface.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[key], tensor, err_msg=key)


@pytest.mark.parametrize(
    "how", [{"max_shard_size": "20KB"}, {"safe_serialization": False}]
)
def test_sharded_and_pickled_files(how, tmp_path):
    huggingface = huggingface_model(*CASES["bert"])
    huggingface.save_pretrained(tmp_path, **how)
    assert not (tmp_path / "model.safetensors").exists()
    assert_logits_equal(TextClassifier.from_preset(tmp_path), huggingface)


def test_sharded_pickles(tmp_path):
    huggingface = huggingface_model(*CASES["distilbert"])
    huggingface.save_pretrained(
        tmp_path, safe_serialization=False, max_shard_size="20KB"
    )
    assert (tmp_path / "pytorch_model.bin.index.json").exists()
    assert_logits_equal(TextClassifier.from_preset(tmp_path), huggingface)


def test_old_names_of_norms(tmp_path):
    """Files of 2018 say gamma and beta."""
    huggingface = huggingface_model(*CASES["bert"])
    huggingface.save_pretrained(tmp_path)
    state = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in huggingface.state_dict().items()
    }
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert_logits_equal(TextClassifier.from_preset(tmp_path), huggingface)


def test_half_precision_checkpoint(tmp_path):
    huggingface = huggingface_model(*CASES["bert"]).to(torch.bfloat16)
    huggingface.save_pretrained(tmp_path)
    assert_logits_equal(TextClassifier.from_preset(tmp_path), huggingface.float())


def test_trained_positions_are_kept(tmp_path):
    """Transformers uses stored positions even where the config says sinusoidal."""
    huggingface = huggingface_model(*CASES["distilbert-sinusoidal"])
    with torch.no_grad():
        huggingface.distilbert.embeddings.position_embeddings.weight.mul_(2)
    huggingface.save_pretrained(tmp_path)
    model = TextClassifier.from_preset(tmp_path)
    assert model.get_config()["positions"] == "learned"
    assert_logits_equal(model, huggingface)


def test_labels_travel(tmp_path):
    names = {0: "bad", 1: "fair", 2: "good"}
    huggingface = huggingface_model("Bert", {**BERT, "id2label": names})
    huggingface.save_pretrained(tmp_path / "in")
    model = TextClassifier.from_preset(tmp_path / "in")
    assert model.label_names == ("bad", "fair", "good")
    model.export_to_transformers(tmp_path / "out")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    assert config.id2label == names
    assert config.label2id == {"bad": 0, "fair": 1, "good": 2}


def test_segments_are_zero_where_left_out(tmp_path):
    huggingface = huggingface_model(*CASES["bert"])
    huggingface.save_pretrained(tmp_path)
    model = TextClassifier.from_preset(tmp_path)
    ours, _ = inputs_for(huggingface)
    ours["segment_ids"] = np.zeros_like(ours["segment_ids"])
    with_zeros = keras.ops.convert_to_numpy(model(ours))
    del ours["segment_ids"]
    without = keras.ops.convert_to_numpy(model(ours))
    np.testing.assert_allclose(without, with_zeros, atol=1e-6)


def test_new_labels_start_a_new_head(tmp_path):
    huggingface_model(*CASES["bert"]).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="last layer starts anew"):
        model = TextClassifier.from_preset(tmp_path, label_names=("a", "b", "c"))
    assert model.classifier.kernel.shape[-1] == 3


def test_pretrained_encoder_without_head(tmp_path):
    """A checkpoint of masked language modelling can be fine-tuned."""
    config = transformers.BertConfig(**BERT)
    transformers.BertForPreTraining(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"missing: .*classifier\.weight"):
        TextClassifier.from_preset(tmp_path)
    with pytest.warns(UserWarning, match="last layer starts anew"):
        model = TextClassifier.from_preset(tmp_path, label_names=("a", "b", "c"))
    assert model.label_names == ("a", "b", "c")
