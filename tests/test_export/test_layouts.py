"""Layouts that other people's servers and libraries open."""

import json
import os

import numpy as np
import onnxruntime
import pytest
from transformers import AutoTokenizer

import kzoo.export
from kzoo.errors import InputError
from kzoo.export import triton
from kzoo.export.prediction_log import message_classes, read_requests
from kzoo.export.signature import Signature, TensorSpec

pytestmark = pytest.mark.tensorflow_only


def test_tf_serving(bert, tmp_path):
    folder = tmp_path / "models"
    options = {"layout": "tf-serving", "name": "reviews", "version": 7}
    report = kzoo.export.to_saved_model(bert, folder, **options)
    assert {item.path for item in report.signatures} == {"reviews/7"}
    version = folder / "reviews" / "7"
    assert (version / "saved_model.pb").exists()
    requests = read_requests(version / "assets.extra" / "tf_serving_warmup_requests")
    assert {name for name, _, _ in requests} == {"reviews"}
    shapes = {}
    for _, signature, inputs in requests:
        shapes.setdefault(signature, []).append({k: v.shape for k, v in inputs.items()})
    assert shapes["serving_default"] == [{"text": (1,)}, {"text": (8,)}]
    assert shapes["tokens"][1] == {"input_ids": (3, 7), "attention_mask": (3, 7)}
    texts = requests[0][2]["text"]
    assert texts[0].startswith(b"A plain sentence")


def test_warm_up_requests_have_the_field_numbers_of_tensorflow_serving():
    log = message_classes()["PredictionLog"]()
    request = log.predict_log.request
    request.model_spec.name = "m"
    request.model_spec.signature_name = "s"
    request.inputs.add(key="k")
    # predict_log = 6 { request = 1 { model_spec = 1 { name = 1, signature_name = 3 },
    # inputs = 2 { key = 1 } } }, each tag being number * 8 + 2.
    spec = b"\x0a\x01m\x1a\x01s"
    inner = b"\x0a" + bytes([len(spec)]) + spec + b"\x12\x03\x0a\x01k"
    predict = b"\x0a" + bytes([len(inner)]) + inner
    assert log.SerializeToString() == b"\x32" + bytes([len(predict)]) + predict


def test_triton(bert, tmp_path):
    folder = tmp_path / "repository"
    options = {"layout": "triton", "name": "reviews", "version": 2}
    report = kzoo.export.to_onnx(bert, folder, **options)
    assert report.passed
    assert sorted(os.listdir(folder / "reviews")) == ["2", "config.pbtxt"]
    assert os.listdir(folder / "reviews" / "2") == ["model.onnx"]
    text = (folder / "reviews" / "config.pbtxt").read_text()
    assert text == (
        'name: "reviews"\nbackend: "onnxruntime"\nmax_batch_size: 64\n'
        'input {\n  name: "input_ids"\n  data_type: TYPE_INT64\n  dims: [ -1 ]\n}\n'
        'input {\n  name: "attention_mask"\n  data_type: TYPE_INT64\n'
        "  dims: [ -1 ]\n}\n"
        'output {\n  name: "logits"\n  data_type: TYPE_FP32\n  dims: [ 3 ]\n}\n'
        "dynamic_batching { }\n"
    )
    assert kzoo.export.validate(folder, bert).passed


def test_triton_gathers_no_batches_where_there_is_no_batch_axis():
    table = TensorSpec("table", "float32", (5, 3))
    text = triton.config(Signature("s", (table,), (table,)), "m")
    assert "max_batch_size: 0" in text
    assert "dims: [ 5, 3 ]" in text
    assert "dynamic_batching" not in text
    strange = TensorSpec("table", "bfloat16", (5, 3))
    with pytest.raises(InputError, match="name for each type.*bfloat16"):
        triton.config(Signature("s", (strange,), (strange,)), "m")


def test_huggingface(bert, tmp_path):
    folder = tmp_path / "hf"
    report = kzoo.export.to_onnx(bert, folder, layout="huggingface")
    assert report.passed
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert not list(folder.glob("*.safetensors"))
    texts = [("a good film", "a bad film"), ("caf\u00e9", "with a very long tale !")]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = dict(
        tokenizer(*zip(*texts, strict=True), padding=True, return_tensors="np")
    )
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert {value.name for value in session.get_inputs()} == set(inputs)
    (logits,) = session.run(["logits"], inputs)
    names = config["id2label"]
    for row, answer in zip(logits, bert.classify(texts), strict=True):
        assert names[str(int(row.argmax()))] == answer.label
        exponents = np.exp(row - row.max())
        scores = exponents / exponents.sum()
        np.testing.assert_allclose(scores, list(answer.scores.values()), atol=1e-5)


def test_huggingface_is_for_what_transformers_has(functional, pre_norm, tmp_path):
    options = {"layout": "huggingface"}
    with pytest.raises(InputError, match="models that transformers has too"):
        kzoo.export.to_onnx(functional, tmp_path / "artefact", **options)
    with pytest.raises(InputError, match="Transformers must have.*BertForSeq"):
        kzoo.export.to_onnx(pre_norm, tmp_path / "artefact", **options)
    assert os.listdir(tmp_path) == []
