import collections

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from kzoo.export import ExportError, onnx_graph
from kzoo.export.call_subject import CallSubject
from kzoo.export.classifier_subject import ClassifierSubject

pytestmark = pytest.mark.tensorflow_only


def converted(subject):
    return onnx_graph.convert(subject, subject.signature())


@pytest.fixture(scope="module")
def graphs(bert, pre_norm):
    """Return the graph of each classifier by its fixture's name."""
    return {
        "bert": converted(ClassifierSubject(bert)),
        "pre_norm": converted(ClassifierSubject(pre_norm)),
    }


def operators(model):
    return collections.Counter(node.op_type for node in model.graph.node)


def answers(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def dims(value):
    return [x.dim_param or x.dim_value for x in value.type.tensor_type.shape.dim]


def test_layer_normalization_is_one_node_each(graphs):
    # Two sublayers in each of two blocks, and the norm of the embedding or the end.
    for model in graphs.values():
        assert operators(model)["LayerNormalization"] == 5


def test_epsilon_reaches_the_node(make_classifier):
    model = converted(ClassifierSubject(make_classifier(layer_norm_epsilon=1e-3)))
    norms = [node for node in model.graph.node if node.op_type == "LayerNormalization"]
    for node in norms:
        epsilon = next(x.f for x in node.attribute if x.name == "epsilon")
        assert epsilon == pytest.approx(1e-3)


def test_exact_gelu_is_fused_by_onnx_runtime(graphs, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(graphs["bert"], path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options)
    found = operators(onnx.load(tmp_path / "optimised.onnx"))
    assert found["BiasGelu"] + found["Gelu"] == 2
    assert found["Erf"] == 0


def test_names_axes_and_operators(graphs):
    model = graphs["bert"]
    assert {value.name: dims(value) for value in model.graph.input} == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
    }
    assert {value.name: dims(value) for value in model.graph.output} == {
        "logits": ["batch", 3]
    }
    assert {node.domain for node in model.graph.node} == {""}
    assert [x.domain for x in model.opset_import] == [""]
    assert b"unk__" not in model.SerializeToString()
    onnx.checker.check_model(model, full_check=True)


def test_no_weight_is_stored_twice(graphs, bert, pre_norm):
    for classifier, model in zip((bert, pre_norm), graphs.values(), strict=True):
        stored = sum(
            onnx.numpy_helper.to_array(x).nbytes for x in model.graph.initializer
        )
        held = sum(4 * int(np.prod(weight.shape)) for weight in classifier.weights)
        sines = 4 * 29 * 12
        assert stored <= held + sines + 1_000


@pytest.mark.parametrize("which", ["bert", "pre_norm"])
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (2, 23), (11, 3), (0, 5)])
def test_any_batch_and_length(request, graphs, which, batch, length):
    subject = ClassifierSubject(request.getfixturevalue(which))
    rng = np.random.default_rng(batch)
    inputs = {
        "input_ids": rng.integers(0, 100, (batch, length)),
        "attention_mask": np.ones((batch, length), "int64"),
    }
    wanted = subject.expected(inputs)["logits"]
    found = answers(graphs[which], inputs)["logits"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert found.shape == (batch, 3)


def test_padding_changes_nothing(graphs):
    model = graphs["bert"]
    ids = np.array([[2, 9, 7, 3]])
    short = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    wide = {name: np.pad(x, ((0, 0), (0, 7))) for name, x in short.items()}
    wide["input_ids"][:, 4:] = 11
    np.testing.assert_allclose(
        answers(model, short)["logits"], answers(model, wide)["logits"], atol=1e-6
    )


def test_keras_own_layers_are_fused_and_left_as_they_were(functional):
    model = converted(CallSubject(functional))
    assert operators(model)["LayerNormalization"] == 1
    assert operators(model)["Erfc"] == 0
    for layer in functional._flatten_layers():
        assert "call" not in layer.__dict__


def test_a_norm_over_another_axis_stays_as_keras_writes_it():
    inputs = keras.Input((7, 5))
    outputs = keras.layers.LayerNormalization(axis=1)(inputs)
    subject = CallSubject(keras.Model(inputs, outputs))
    found = converted(subject)
    sample = subject.samples()[0]
    (wanted,) = subject.expected(sample).values()
    (given,) = answers(found, sample).values()
    assert operators(found)["LayerNormalization"] == 0
    np.testing.assert_allclose(given, wanted, atol=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_gelu_of_keras_ops_is_valid(exact):
    inputs = keras.Input((5,))
    outputs = keras.ops.gelu(inputs, approximate=not exact)
    subject = CallSubject(keras.Model(inputs, outputs))
    found = converted(subject)
    sample = subject.samples()[0]
    (wanted,) = subject.expected(sample).values()
    (given,) = answers(found, sample).values()
    np.testing.assert_allclose(given, wanted, atol=1e-6)


def test_an_operation_without_onnx_form_is_named():
    inputs = keras.Input((5,))
    outputs = keras.ops.cast(keras.ops.fft((inputs, inputs))[0], "float32")
    outputs = keras.ops.erfinv(outputs)
    subject = CallSubject(keras.Model(inputs, outputs))
    with pytest.raises(ExportError, match="no ONNX form: .*Erfinv"):
        converted(subject)


def test_a_python_function_is_named():
    import tensorflow as tf

    class Strange(keras.layers.Layer):
        def call(self, x):
            y = tf.numpy_function(np.sin, [x], tf.float32, stateful=False)
            y.set_shape(x.shape)
            return y

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input((5,))
    subject = CallSubject(keras.Model(inputs, Strange()(inputs)))
    with pytest.raises(ExportError, match="no ONNX form: PyFuncStateless"):
        converted(subject)


def test_a_failing_conversion_is_one_message(bert, monkeypatch):
    import tf2onnx

    def fail(*arguments, **options):
        raise ValueError("some detail")

    monkeypatch.setattr(tf2onnx.convert, "from_function", fail)
    with pytest.raises(ExportError, match="converted to ONNX.*ValueError: some detail"):
        converted(ClassifierSubject(bert))
