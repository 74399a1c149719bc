"""The classifier's artefacts: what they promise, and that validation sees a change."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import onnx
import openvino
import pytest

import kzoo.export
from kzoo.errors import InputError
from kzoo.export import ExportError

pytestmark = pytest.mark.tensorflow_only

MORE_TEXTS = ["a good film", "a bad , boring film " * 20, "caf\u00e9 \u6771\u4eac"]


@pytest.fixture(scope="module")
def onnx_folder(bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "artefact"
    report = kzoo.export.to_onnx(bert, folder, texts=MORE_TEXTS)
    return folder, report


@pytest.fixture(scope="module")
def saved_model_folder(pre_norm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_model") / "artefact"
    report = kzoo.export.to_saved_model(pre_norm, folder, texts=MORE_TEXTS)
    return folder, report


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def manifest_of(folder):
    return json.loads((folder / "kzoo.json").read_text())


def test_the_report_has_the_figures(onnx_folder, saved_model_folder):
    for folder, report in (onnx_folder, saved_model_folder):
        assert report.passed
        assert report.reasons == ()
        assert report.folder == str(folder)
        by_name = {item.name: item for item in report.signatures}
        tokens = by_name.pop("tokens")
        (text,) = by_name.values()
        assert len(tokens.shapes) >= 2
        assert tokens.max_absolute <= tokens.tolerance == 1e-4
        assert text.max_absolute <= text.tolerance == 1e-5
        assert text.identical
        assert text.rows > len(MORE_TEXTS)
        assert "passed" in report.summary()
        assert json.loads(json.dumps(report.to_dict()))["passed"] is True


def test_validation_ran_without_keras_and_kzoo(onnx_folder, saved_model_folder):
    assert onnx_folder[1].imports == ("onnxruntime",)
    # tensorflow_text imports keras of its own accord.
    imports = set(saved_model_folder[1].imports) - {"keras"}
    assert imports == {"tensorflow", "tensorflow_text"}


def test_files_and_manifest(onnx_folder, saved_model_folder, bert):
    folder = onnx_folder[0]
    names = {"kzoo.json", "model.onnx", "text.onnx"}
    assert set(os.listdir(folder)) == names
    manifest = manifest_of(folder)
    assert manifest["family"] == "classifier"
    assert manifest["label_names"] == list(bert.label_names)
    assert set(manifest["files"]) == names - {"kzoo.json"}
    assert [item["name"] for item in manifest["signatures"]] == ["tokens", "text"]
    assert manifest["validation"]["passed"] is True
    manifest = manifest_of(saved_model_folder[0])
    names = [item["name"] for item in manifest["signatures"]]
    assert names == ["serving_default", "tokens"]
    assert "saved_model.pb" in manifest["files"]


@pytest.mark.parametrize("which", ["bert", "pre_norm"])
def test_validate_passes_later(request, onnx_folder, saved_model_folder, which):
    folder, _ = {"bert": onnx_folder, "pre_norm": saved_model_folder}[which]
    report = kzoo.export.validate(folder, request.getfixturevalue(which))
    assert report.passed, report.summary()


def test_one_changed_weight_in_the_file_fails(onnx_folder, bert, tmp_path):
    folder = copied(onnx_folder[0], tmp_path)
    model = onnx.load(folder / "model.onnx")
    weight = next(x for x in model.graph.initializer if list(x.dims) == [12, 20])
    array = onnx.numpy_helper.to_array(weight).copy()
    array[3, 5] += 0.5
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    onnx.save(model, folder / "model.onnx")
    report = kzoo.export.validate(folder, bert)
    assert not report.passed
    assert "The file model.onnx has changed since it was exported." in report.reasons
    assert any("logits differs by" in reason for reason in report.reasons)
    assert "FAILED" in report.summary()


def test_one_changed_weight_in_the_model_fails(onnx_folder, make_classifier):
    model = make_classifier()
    kernel = model.blocks[0].weights[0]
    values = keras.ops.convert_to_numpy(kernel).copy()
    values.flat[7] = np.nextafter(values.flat[7], 2)
    kernel.assign(values)
    report = kzoo.export.validate(onnx_folder[0], model)
    assert not report.passed
    assert report.reasons == ("The model's weights are not those that were exported.",)
    # The figures are within the tolerance: it is the fingerprint that told.
    assert all(item.passed for item in report.signatures)


def test_another_model_fails(onnx_folder, make_classifier):
    model = make_classifier(label_names=("good", "bad"))
    report = kzoo.export.validate(onnx_folder[0], model)
    reasons = " ".join(report.reasons)
    assert not report.passed
    assert "weights are not those" in reasons
    assert "labels are ('good', 'bad')" in reasons
    assert "signatures are not those" in reasons


@pytest.mark.parametrize("damage", ["cut", "missing", "more"])
def test_a_damaged_file_fails(onnx_folder, bert, tmp_path, damage):
    folder = copied(onnx_folder[0], tmp_path)
    path = folder / "text.onnx"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "missing":
        path.unlink()
    else:
        (folder / "more.txt").write_text("more")
    report = kzoo.export.validate(folder, bert)
    assert not report.passed
    named = {"cut": "has changed", "missing": "is missing", "more": "is not of this"}
    assert any(named[damage] in reason for reason in report.reasons)


def test_a_manifest_that_promises_otherwise_fails(onnx_folder, bert, tmp_path):
    folder = copied(onnx_folder[0], tmp_path)
    manifest = manifest_of(folder)
    manifest["signatures"][0]["inputs"][0]["axes"] = ["rows", "sequence"]
    manifest["signatures"][0]["outputs"][0]["dtype"] = "float64"
    (folder / "kzoo.json").write_text(json.dumps(manifest))
    report = kzoo.export.validate(folder, bert)
    reasons = " ".join(report.reasons)
    assert "signatures are not those of the artefact" in reasons
    assert "input_ids is int64 ['batch', 'sequence'], declared is int64" in reasons
    assert "logits is float32 ['batch', 3], declared is float64" in reasons


def test_a_folder_without_manifest_is_no_artefact(tmp_path, bert):
    with pytest.raises(InputError, match="holds a manifest.*No such file"):
        kzoo.export.validate(tmp_path, bert)
    (tmp_path / "kzoo.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="format 'other'"):
        kzoo.export.validate(tmp_path, bert)


def test_openvino_opens_the_ids_form(onnx_folder, bert):
    # Its default on some processors is bfloat16.
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    path = onnx_folder[0] / "model.onnx"
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    ids = np.random.default_rng(2).integers(0, 100, (5, 7))
    mask = (np.arange(7) < np.array([[7], [1], [3], [6], [2]])).astype("int64")
    found = compiled({"input_ids": ids, "attention_mask": mask})["logits"]
    wanted = bert({"token_ids": ids.astype("int32"), "padding_mask": mask == 1})
    np.testing.assert_allclose(found, np.array(wanted), atol=1e-4)


@pytest.mark.slow
def test_the_example_client_needs_onnxruntime_alone(onnx_folder, bert):
    script = pathlib.Path(__file__).parents[2] / "examples/serve_with_onnxruntime.py"
    command = [sys.executable, script, onnx_folder[0]]
    texts = "".join(f"{text}\n" for text in MORE_TEXTS)
    done = subprocess.run(
        command, input=texts.encode(), capture_output=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    wanted = bert.classify(MORE_TEXTS)
    assert [x["label"] for x in answers] == [x.label for x in wanted]
    for found, answer in zip(answers, wanted, strict=True):
        assert found["scores"] == pytest.approx(answer.scores, abs=1e-4)
    source = script.read_text()
    assert not re.search(r"^\s*(import|from) (keras|kzoo)", source, re.MULTILINE)


CLIENT = """
import json, sys
import numpy, tensorflow, tensorflow_text
model = tensorflow.saved_model.load(sys.argv[1])
texts = tensorflow.constant(json.loads(sys.argv[2]))
answer = model.signatures["serving_default"](texts)
labels = [label.decode() for label in answer["label"].numpy()]
packages = [name for name in ("kzoo", "torch", "transformers") if name in sys.modules]
print(json.dumps([labels, answer["scores"].numpy().tolist(), packages]))
"""


def test_the_saved_model_serves_where_only_tensorflow_is(saved_model_folder, pre_norm):
    command = [sys.executable, "-c", CLIENT, saved_model_folder[0]]
    done = subprocess.run(
        [*command, json.dumps(MORE_TEXTS)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    labels, scores, packages = json.loads(done.stdout.splitlines()[-1])
    wanted = pre_norm.classify(MORE_TEXTS)
    assert labels == [answer.label for answer in wanted]
    wanted = [list(answer.scores.values()) for answer in wanted]
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    assert packages == []


def test_a_model_without_tokenizer_has_the_ids_form_alone(make_classifier, tmp_path):
    model = make_classifier(tokenizer=None)
    report = kzoo.export.to_onnx(model, tmp_path / "artefact")
    assert [item.name for item in report.signatures] == ["tokens"]
    assert "no tokenizer" in report.limitations[0]
    assert not (tmp_path / "artefact" / "text.onnx").exists()


def test_a_mixed_precision_model_is_exported_in_float32(make_classifier, tmp_path):
    model = make_classifier(tokenizer=None, dtype="mixed_bfloat16")
    report = kzoo.export.to_onnx(model, tmp_path / "artefact")
    assert report.passed
    assert kzoo.export.validate(tmp_path / "artefact", model).passed


def test_a_wrong_graph_is_not_published(make_classifier, tmp_path, monkeypatch):
    from kzoo.export import onnx_kernels

    monkeypatch.setattr(onnx_kernels.math, "sqrt", lambda x: 1.5)
    model = make_classifier(tokenizer=None)
    with pytest.raises(ExportError, match="not published.*logits differs by") as caught:
        kzoo.export.to_onnx(model, tmp_path / "artefact")
    assert not caught.value.report.passed
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": "other"}, "layout='other'.*plain, triton, huggingface"),
        ({"precision": "int3"}, "precision='int3'.*float32, float16, int8, int4"),
        ({"name": "a/b"}, "letters, digits.*name='a/b'"),
        ({"version": 0}, "whole number of 1 or more.*version=0"),
        ({"samples": []}, "model of the zoo has its own inputs"),
    ],
)
def test_wrong_arguments_are_named(bert, tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        kzoo.export.to_onnx(bert, tmp_path / "artefact", **arguments)
    assert os.listdir(tmp_path) == []


def test_texts_are_for_models_that_take_texts(make_classifier, tmp_path):
    model = make_classifier(tokenizer=None)
    with pytest.raises(InputError, match="where the model takes texts.*TextClassifier"):
        kzoo.export.to_onnx(model, tmp_path / "artefact", texts=["a"])


def test_texts_are_compared_as_ids_too(onnx_folder, bert):
    tokens = onnx_folder[1].signatures[0]
    lengths = [len(bert.tokenizer.encode(text, None, 29)) for text in MORE_TEXTS]
    assert tokens.shapes[-1] == (len(MORE_TEXTS), max(lengths))


def test_only_a_keras_model_is_exported(tmp_path):
    with pytest.raises(InputError, match="Only a Keras model.*type list"):
        kzoo.export.to_onnx([], tmp_path / "artefact")
