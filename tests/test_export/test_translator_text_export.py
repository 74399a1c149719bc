"""The translator's text forms: tokenizer, search and the way back in one artefact."""

import json
import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from support.spoken_translator import GERMAN, spoken_translator

import kzoo.export
from kzoo.export.graph_tokenizers import extensions_library

# The command line's tests export and validate a translator of texts in the quick suite.
pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]

TEXTS = [
    *GERMAN,
    "Zwölf Boxkämpfer jagen Viktor.",
    "\u6771\u4eac",
    "",
    "  ",
    "Der Hund",
]


@pytest.fixture(scope="module")
def model():
    return spoken_translator(end=2.0)


@pytest.fixture(scope="module")
def onnx_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "artefact"
    return folder, kzoo.export.to_onnx(model, folder, texts=TEXTS)


@pytest.fixture(scope="module")
def saved_model_folder(tmp_path_factory):
    model = spoken_translator(joint=False, end=2.0)
    folder = tmp_path_factory.mktemp("saved_model") / "artefact"
    report = kzoo.export.to_saved_model(
        model, folder, texts=TEXTS, num_beams=2, length_penalty=0.5
    )
    return model, folder, report


def test_reports(onnx_folder, saved_model_folder):
    for report, names in (
        (onnx_folder[1], ["generate", "text"]),
        (saved_model_folder[2], ["serving_default", "tokens"]),
    ):
        assert report.passed
        assert [item.name for item in report.signatures] == names
        for item in report.signatures:
            assert item.identical
            assert item.rows > 20
        text = next(x for x in report.signatures if "translation" in x.dtypes)
        assert text.worst_output == "score" or text.max_absolute == 0
        assert text.max_absolute <= 1e-4


def test_onnx_translations_are_those_of_translate(onnx_folder, model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.register_custom_ops_library(extensions_library())
    session = onnxruntime.InferenceSession(onnx_folder[0] / "text.onnx", options)
    found, score = session.run(None, {"text": np.array(TEXTS, object)})
    wanted = model.translate(TEXTS)
    assert found.tolist() == wanted
    assert len(set(wanted)) > 4
    assert wanted[6] == wanted[7] == ""
    assert score.dtype == np.float32
    assert (score[[6, 7]] == 0).all()
    for text, translation in zip(TEXTS[:3], found, strict=False):
        alone = session.run(None, {"text": np.array([text], object)})[0]
        assert alone.tolist() == [translation]


CLIENT = """
import json, sys
import tensorflow, tensorflow_text
model = tensorflow.saved_model.load(sys.argv[1])
texts = tensorflow.constant(json.loads(sys.argv[2]))
answer = model.signatures["serving_default"](text=texts)
texts = [text.decode() for text in answer["translation"].numpy()]
packages = [name for name in ("kzoo", "sentencepiece") if name in sys.modules]
print(json.dumps([texts, answer["score"].numpy().tolist(), packages]))
"""


def test_the_saved_model_serves_where_only_tensorflow_is(saved_model_folder):
    from kzoo.generation import iter_translations

    model, folder, _ = saved_model_folder
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, folder, json.dumps(TEXTS)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    found, scores, packages = json.loads(done.stdout.splitlines()[-1])
    options = {"num_beams": 2, "length_penalty": 0.5}
    wanted = [best for best, *_ in iter_translations(model, TEXTS, **options)]
    assert found == [item.text for item in wanted]
    np.testing.assert_allclose(scores, [item.score for item in wanted], atol=1e-4)
    assert packages == []


def test_validate_takes_the_search_from_the_manifest(saved_model_folder):
    model, folder, _ = saved_model_folder
    manifest = json.loads((folder / "kzoo.json").read_text())
    assert manifest["search"] == {
        "num_beams": 2,
        "length_penalty": 0.5,
        "max_new_tokens": None,
        "max_ratio": None,
    }
    assert kzoo.export.validate(folder, model).passed
