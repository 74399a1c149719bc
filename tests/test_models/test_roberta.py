"""What RoBERTa has beyond BERT: its positions, its head, its tokenizer beside it."""

import json

import keras
import numpy as np
import pytest
import torch
import transformers
from test_models.test_huggingface import (
    ROBERTA,
    VOCABULARY,
    assert_logits_equal,
    huggingface_model,
)

from kzoo.errors import InputError
from kzoo.models import TextClassifier
from kzoo.tokenizers import ByteBPETokenizer

TEXTS = ["a fine film", "Dull, dull; don't!", "", "naïve <mask> 漢字", "a " * 60]
PAIRS = [("a fine film", "so dull"), ("", "x"), ("one " * 30, "two " * 30)]


@pytest.fixture(scope="module")
def tokenizer():
    names = {"start_token": "<s>", "pad_token": "<pad>", "end_token": "</s>"}
    names |= {"cls_token": "<s>", "sep_token": "</s>", "unknown_token": "<unk>"}
    texts = ["a fine film", "a dull film", "so dull, so fine"] * 5
    options = {**names, "mask_token": "<mask>"}
    return ByteBPETokenizer.train(texts, vocabulary_size=280, **options)


def save_both(tokenizer, folder, kind="ForSequenceClassification"):
    """Write a checkpoint of transformers with the tokenizer's files beside it."""
    config = {**ROBERTA, "vocab_size": tokenizer.vocabulary_size}
    if kind == "ForSequenceClassification":
        huggingface = huggingface_model("Roberta", config)
    else:
        config = transformers.RobertaConfig(**config)
        huggingface = getattr(transformers, f"Roberta{kind}")(config)
    huggingface.save_pretrained(folder)
    tokenizer.save(folder, ROBERTA["max_position_embeddings"] - 2)
    return huggingface.eval()


def test_padding_takes_no_positions(tmp_path):
    """Positions count what is not padding, wherever the padding stands."""
    huggingface = huggingface_model("Roberta", ROBERTA)
    huggingface.save_pretrained(tmp_path)
    model = TextClassifier.from_preset(tmp_path)
    assert model.max_sequence_length == 31
    assert model.arguments["position_padding_id"] == 1
    ids = np.random.default_rng(1).integers(2, VOCABULARY, (5, 13))
    ids[1, 7:] = ids[2, :3] = ids[3, 4:6] = 1
    mask = ids != 1
    with torch.no_grad():
        expected = huggingface(torch.tensor(ids), torch.tensor(mask)).logits.numpy()
    batch = {"token_ids": ids.astype("int32"), "padding_mask": mask}
    got = keras.ops.convert_to_numpy(model(batch))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=0)


def test_texts_to_transformers_scores(tokenizer, tmp_path):
    huggingface = save_both(tokenizer, tmp_path / "in")
    model = TextClassifier.from_preset(tmp_path / "in")
    assert isinstance(model.tokenizer, ByteBPETokenizer)
    model.export_to_transformers(tmp_path / "out")
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(opened).__name__ == "RobertaTokenizerFast"
    assert opened.model_max_length == 31
    again = transformers.AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "out"
    ).eval()
    assert_logits_equal(model, again)
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    wanted = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    assert {key: config[key] for key in wanted} == wanted
    options = {"padding": True, "truncation": True, "return_tensors": "pt"}
    for texts in (TEXTS, PAIRS):
        paired = isinstance(texts[0], tuple)
        given = [list(x) for x in zip(*texts, strict=True)] if paired else [texts]
        with torch.no_grad():
            logits = huggingface(**opened(*given, **options)).logits
        expected = torch.softmax(logits, -1).numpy()
        answers = model.classify(texts)
        got = [[a.scores[name] for name in model.label_names] for a in answers]
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_saved_and_opened_again(tokenizer, tmp_path):
    save_both(tokenizer, tmp_path / "in")
    model = TextClassifier.from_preset(tmp_path / "in")
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    expected = model.classify(TEXTS)
    opened = [
        TextClassifier.from_preset(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ]
    for other in opened:
        assert other.tokenizer.get_config() == tokenizer.get_config()
        assert other.classify(TEXTS) == expected


def test_pretrained_encoder_without_head(tokenizer, tmp_path):
    """Of a checkpoint of masked language modelling the whole head starts anew."""
    save_both(tokenizer, tmp_path, "ForMaskedLM")
    with pytest.raises(InputError, match=r"missing: .*classifier\.dense\.weight"):
        TextClassifier.from_preset(tmp_path)
    with pytest.warns(UserWarning, match="last layer starts anew"):
        model = TextClassifier.from_preset(tmp_path, label_names=("a", "b", "c"))
    assert model.classifier.kernel.shape[-1] == 3


def test_new_labels_keep_the_rest_of_the_head(tmp_path):
    huggingface = huggingface_model("Roberta", ROBERTA)
    huggingface.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="last layer starts anew"):
        model = TextClassifier.from_preset(tmp_path, label_names=("a", "b", "c"))
    kernel = keras.ops.convert_to_numpy(model.pooler.kernel)
    expected = huggingface.classifier.dense.weight.detach().numpy().T
    np.testing.assert_array_equal(kernel, expected)


def test_positions_that_count_are_learned():
    sizes = dict.fromkeys(("num_layers", "num_heads", "intermediate_dim"), 2)
    with pytest.raises(InputError, match=r"are learned.*positions='sinusoidal'"):
        TextClassifier(
            vocabulary_size=7,
            hidden_dim=4,
            max_sequence_length=5,
            positions="sinusoidal",
            position_padding_id=1,
            **sizes,
        )


@pytest.mark.slow_on("jax")
def test_the_preset_has_the_published_sizes():
    """One layer of twelve: the tables are what is looked at."""
    model = TextClassifier.from_preset("roberta-base", num_layers=1)
    assert model.embedding.token.embeddings.shape == (50_265, 768)
    assert model.embedding.position.embeddings.shape == (514, 768)
    assert model.embedding.segment.embeddings.shape == (1, 768)
