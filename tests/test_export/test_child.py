"""JAX and torch models, which a TensorFlow-backend process exports."""

import os

import keras
import numpy as np
import onnxruntime
import pytest

import kzoo.export
from kzoo.errors import InputError
from kzoo.export import ExportError, child
from kzoo.export.options import Options

ONNX = {"format": "onnx", "layout": "plain", "input_signature": None}


@pytest.mark.slow_on("jax")
def test_a_classifier_of_any_backend(pre_norm, tmp_path):
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(pre_norm, folder, texts=["a good film"] * 2)
    assert report.passed
    assert [item.name for item in report.signatures] == ["tokens", "text"]
    ids = np.random.default_rng(2).integers(0, 100, (5, 7))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (found,) = session.run(["logits"], inputs)
    wanted = pre_norm({"token_ids": ids.astype("int32"), "padding_mask": ids > -1})
    wanted = keras.ops.convert_to_numpy(keras.ops.stop_gradient(wanted))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.tensorflow_only
def test_the_child_writes_a_keras_model(functional, tmp_path):
    child.write_in_child(functional, tmp_path, Options(), **ONNX)
    assert os.listdir(tmp_path) == ["model.onnx"]


class Unknown(keras.layers.Layer):
    """A layer at the top of a module that another process can import."""

    def call(self, x):
        return keras.ops.erfinv(keras.ops.tanh(x))


@pytest.mark.tensorflow_only
def test_an_error_of_the_child_is_one_message(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    monkeypatch.setattr(Unknown, "__module__", "test_child")
    inputs = keras.Input((5,))
    model = keras.Model(inputs, Unknown()(inputs))
    with pytest.raises(ExportError, match="^The model uses operations.*Erfinv") as told:
        child.write_in_child(model, tmp_path, Options(), **ONNX)
    assert "Traceback" not in str(told.value)


def test_classes_that_no_other_process_can_import_are_named(tmp_path):
    class Local(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((5,))
    model = keras.Model(inputs, Local()(inputs))
    with pytest.raises(InputError, match="able to import its classes.*Local"):
        child.write_in_child(model, tmp_path, Options(), **ONNX)


@pytest.mark.backend_free
def test_a_model_that_cannot_be_saved_is_reported(functional, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(functional, "save", full, raising=False)
    with pytest.raises(ExportError, match="could not be saved.*No space left"):
        child.write_in_child(functional, tmp_path, Options(), **ONNX)


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        (
            '{"kind": "InputError", "parts": ["A rule.", "x=1", "Fix it."]}',
            InputError,
            r"^A rule. Received: x=1. Fix it.$",
        ),
        ('{"kind": "OSError", "parts": [28, "No space"]}', OSError, "No space"),
        ('{"kind": "ExportError", "parts": ["It failed."]}', ExportError, "^It failed"),
    ],
)
def test_errors_keep_their_kind(line, error, message):
    with pytest.raises(error, match=message):
        child._raise_as_told(f"noise\nkzoo.export: {line}\nmore noise")


@pytest.mark.backend_free
def test_a_child_that_says_nothing_is_reported():
    with pytest.raises(ExportError, match="process .* failed. Received: Killed"):
        child._raise_as_told("Killed")
