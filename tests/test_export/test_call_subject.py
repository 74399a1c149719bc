"""Any Keras model: its call, under its own input names."""

import keras
import numpy as np
import onnxruntime
import pytest

import kzoo.export
from kzoo.errors import InputError
from kzoo.export.call_subject import CallSubject


class Pairs(keras.Model):
    """A subclassed model of two inputs and two outputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(17, 4)
        self.dense = keras.layers.Dense(5)

    def call(self, inputs):
        x = self.embedding(inputs["ids"]) + inputs["shift"][:, None]
        return self.dense(x), keras.ops.sum(inputs["ids"], axis=1)


PAIRS_SIGNATURE = {
    "ids": keras.InputSpec(shape=(None, None), dtype="int32"),
    "shift": keras.InputSpec(shape=(None, 4), dtype="float32"),
}


def axes(specs):
    return {spec.name: (spec.dtype, spec.axes) for spec in specs}


@pytest.mark.slow_on("jax")
def test_a_functional_model_declares_itself(functional):
    signature = CallSubject(functional).signature()
    assert axes(signature.inputs) == {
        "ids": ("int32", ("batch", "sequence")),
        "mask": ("bool", ("batch", "sequence")),
    }
    assert axes(signature.outputs) == {
        "hidden_states": ("float32", ("batch", "sequence", 7)),
        "logits": ("float32", ("batch", 3)),
    }


def test_a_sequential_model_has_one_input():
    model = keras.Sequential([keras.Input((5,), name="x"), keras.layers.Dense(3)])
    signature = CallSubject(model).signature()
    assert axes(signature.inputs) == {"x": ("float32", ("batch", 5))}
    assert [spec.axes for spec in signature.outputs] == [("batch", 3)]


def test_a_subclassed_model_is_declared_by_its_signature():
    subject = CallSubject(Pairs(), input_signature=PAIRS_SIGNATURE)
    assert axes(subject.signature().outputs) == {
        "output_0": ("float32", ("batch", "sequence", 5)),
        "output_1": ("int32", ("batch",)),
    }


def test_a_subclassed_model_is_declared_by_its_first_call():
    class Simple(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Simple()
    with pytest.raises(InputError, match="exported after its first call.*Simple"):
        CallSubject(model)
    model(np.ones((2, 5), "float32"))
    signature = CallSubject(model).signature()
    assert [spec.axes for spec in signature.inputs] == [("batch", 5)]


def test_inputs_must_have_names_of_their_own():
    twice = [keras.InputSpec(shape=(None, 4), dtype="float32", name="x")] * 2
    with pytest.raises(InputError, match="Every input has a name of its own.*'x', 'x'"):
        CallSubject(Pairs(), input_signature=twice)


def test_half_precision_is_refused():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3, dtype="mixed_bfloat16", name="low")]
    )
    with pytest.raises(InputError, match="computes in float32.*'low'.*bfloat16"):
        CallSubject(model)


def test_ids_stay_within_every_table(functional):
    samples = CallSubject(functional).samples()
    assert len({sample["ids"].shape for sample in samples}) == 3
    for sample in samples:
        assert sample["ids"].max() < 53
        assert sample["mask"].any(axis=1).all()


@pytest.mark.tensorflow_only
def test_onnx_of_a_functional_model(functional, tmp_path):
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(functional, folder)
    assert report.passed
    assert report.imports == ("onnxruntime",)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    ids = np.arange(13, dtype="int32")[None]
    found = session.run(["logits"], {"ids": ids, "mask": ids > 3})[0]
    wanted = functional({"ids": ids, "mask": ids > 3})["logits"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert kzoo.export.validate(folder, functional).passed


@pytest.mark.tensorflow_only
def test_both_formats_of_a_subclassed_model(tmp_path):
    given = {"input_signature": PAIRS_SIGNATURE}
    model = Pairs()
    for write in (kzoo.export.to_onnx, kzoo.export.to_saved_model):
        folder = tmp_path / write.__name__
        (signature,) = write(model, folder, **given).signatures
        assert signature.identical
        assert signature.rows == 9
    with pytest.raises(InputError, match="after its first call"):
        kzoo.export.validate(folder, Pairs())


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_given_samples_are_the_ones_that_run(functional, tmp_path):
    ids = np.array([[5, 1, 2]], "int32")
    samples = [
        {"ids": ids, "mask": ids > 1},
        {"ids": ids[:, :2], "mask": ids[:, :2] > 1},
    ]
    report = kzoo.export.to_onnx(functional, tmp_path / "artefact", samples=samples)
    assert report.signatures[0].shapes == ((1, 3), (1, 2))


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("precision", ["float16", "int8", "int4"])
def test_smaller_precisions(functional, tmp_path, precision):
    folder = tmp_path / precision
    report = kzoo.export.to_onnx(functional, folder, precision=precision)
    (signature,) = report.signatures
    assert report.precision == precision
    assert 0 < signature.max_absolute
    assert 0 < signature.max_relative < signature.tolerance
    described = {spec: kind for spec, kind in signature.dtypes.items()}
    assert described["ids"] == "int32"
    assert described["logits"] == "float32"
    again = kzoo.export.validate(folder, functional)
    assert again.signatures[0].max_absolute == pytest.approx(
        signature.max_absolute, rel=0.01
    )
