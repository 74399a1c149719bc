"""A translator of every backend leaves as artefacts."""

import keras
import pytest
from support.spoken_translator import GERMAN, spoken_translator

import kzoo.export


@pytest.fixture(scope="module")
def model():
    return spoken_translator(end=2.0)


@pytest.mark.slow
def test_text_forms(model, tmp_path):
    for name, export in (
        ("onnx", kzoo.export.to_onnx),
        ("saved-model", kzoo.export.to_saved_model),
    ):
        if keras.backend.backend() == "tensorflow" and name == "onnx":
            continue  # test_translator_text_export.py has it
        report = export(
            model, tmp_path / name, texts=GERMAN, num_beams=3, max_new_tokens=11
        )
        assert report.passed
        assert all(item.identical for item in report.signatures)
        text = next(x for x in report.signatures if "translation" in x.dtypes)
        assert text.rows > 20
        assert text.max_absolute <= 1e-4


@pytest.mark.slow
def test_the_huggingface_layout(model, tmp_path):
    report = kzoo.export.to_onnx(model, tmp_path / "artefact", layout="huggingface")
    assert report.passed
    assert [item.name for item in report.signatures] == ["encoder", "decoder"]
