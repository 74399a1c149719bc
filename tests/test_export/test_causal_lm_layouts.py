"""GPT-2 in the layouts that other people's servers and libraries open."""

import json

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

import kzoo.export
from kzoo.export.prediction_log import read_requests
from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import ByteBPETokenizer

pytestmark = pytest.mark.tensorflow_only

TEXTS = ["Once upon a time there was a fox", "low lower lowest \u00e9t\u00e9, 12 don't"]
PROMPTS = ["Once", "there was a low fox, don't", "\u6771\u4eac"]


@pytest.fixture(scope="module")
def model():
    tokenizer = ByteBPETokenizer.train(TEXTS * 3, vocabulary_size=283)
    keras.utils.set_random_seed(5)
    return GPT2CausalLM.from_preset(
        "gpt2-tiny",
        vocabulary_size=tokenizer.vocabulary_size,
        hidden_dim=12,
        num_heads=3,
        initializer_range=0.4,
        max_sequence_length=53,
        tokenizer=tokenizer,
    )


@pytest.fixture(scope="module")
def huggingface_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("huggingface") / "artefact"
    report = kzoo.export.to_onnx(model, folder, layout="huggingface", texts=PROMPTS)
    return folder, report


def test_the_huggingface_folder(huggingface_folder, model):
    folder, report = huggingface_folder
    assert report.passed
    (decoder,) = report.signatures
    assert decoder.name == "decoder"
    assert decoder.max_absolute <= decoder.tolerance == 1e-4
    config = AutoConfig.from_pretrained(folder)
    assert config.model_type == "gpt2"
    assert config.n_layer == 2
    generation = GenerationConfig.from_pretrained(folder)
    assert generation.eos_token_id == model.tokenizer.end_id
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in PROMPTS:
        assert tokenizer(text)["input_ids"] == model.tokenizer.encode(text)
    graph = onnx.load(folder / "model.onnx").graph
    assert [value.name for value in graph.input] == [
        "input_ids",
        "attention_mask",
        "position_ids",
        *(f"past_key_values.{i}.{x}" for i in (0, 1) for x in ("key", "value")),
    ]
    shape = graph.input[3].type.tensor_type.shape.dim
    axes = [dim.dim_param or dim.dim_value for dim in shape]
    assert axes == ["batch", 3, "past_sequence", 4]
    assert [value.name for value in graph.output][:3] == [
        "logits",
        "present.0.key",
        "present.0.value",
    ]


def test_a_loop_over_the_decoder_is_generate(huggingface_folder, model):
    folder, _ = huggingface_folder
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    ids = [model.tokenizer.encode(text) for text in PROMPTS]
    width = max(map(len, ids))
    tokens = np.array([[0] * (width - len(row)) + row for row in ids], "int64")
    mask = np.array([[0] * (width - len(row)) + [1] * len(row) for row in ids])
    names = [value.name for value in session.get_inputs()][3:]
    past = {name: np.zeros((len(ids), 3, 0, 4), "float32") for name in names}
    new = []
    for _ in range(11):
        positions = np.maximum(mask.cumsum(axis=1) - 1, 0)[:, -tokens.shape[1] :]
        logits, *present = session.run(
            None,
            {
                "input_ids": tokens,
                "attention_mask": mask,
                "position_ids": positions,
                **past,
            },
        )
        past = dict(zip(names, present, strict=True))
        tokens = logits[:, -1:].argmax(axis=-1)
        mask = np.pad(mask, ((0, 0), (0, 1)), constant_values=1)
        new.append(tokens)
    found = [model.tokenizer.decode(row) for row in np.concatenate(new, axis=1)]
    # Without an end token in them: generate would end there.
    assert all(model.tokenizer.end_id not in row for row in np.concatenate(new, 1))
    assert found == model.generate(PROMPTS, max_new_tokens=11)


@pytest.mark.slow
def test_tf_serving(model, tmp_path):
    folder = tmp_path / "models"
    report = kzoo.export.to_saved_model(model, folder, layout="tf-serving", version=3)
    assert {item.path for item in report.signatures} == {"model/3"}
    requests = read_requests(folder / "model/3/assets.extra/tf_serving_warmup_requests")
    names = {name for _, name, _ in requests}
    assert names == {"serving_default", "tokens", "sample"}
    for _, name, inputs in requests:
        if name == "sample":
            assert inputs.keys() == {
                *("text", "max_new_tokens", "temperature", "top_k", "top_p", "seed")
            }
            assert inputs["max_new_tokens"].dtype == np.int32
            assert inputs["max_new_tokens"].shape == ()


def test_triton(model, tmp_path):
    report = kzoo.export.to_onnx(model, tmp_path / "models", layout="triton")
    assert [item.name for item in report.signatures] == ["tokens"]
    text = (tmp_path / "models/model/config.pbtxt").read_text()
    assert 'name: "logits"' in text
    assert f"dims: [ -1, {model.vocabulary_size} ]" in text
    manifest = json.loads((tmp_path / "models/kzoo.json").read_text())
    assert set(manifest["files"]) == {"model/config.pbtxt", "model/1/model.onnx"}
