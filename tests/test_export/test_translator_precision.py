"""The translator's graphs with smaller weights."""

import numpy as np
import onnx
import pytest
from support.small_translator import small_translator

import kzoo.export
from kzoo.export import onnx_precision, translator_onnx
from kzoo.export.options import SearchOptions
from kzoo.export.translator_subject import TranslatorSubject

pytestmark = pytest.mark.tensorflow_only

V, D = 211, 32


@pytest.fixture(scope="module")
def model():
    return small_translator(
        scale=0.1,
        vocabulary_size=V,
        hidden_dim=D,
        num_heads=2,
        intermediate_dim=64,
        num_layers=1,
        norm_placement="post",
        logits_bias=True,
        positions="sinusoidal_halves",
    )


def bodies(graph):
    return [
        attribute.g
        for node in graph.graph.node
        if node.op_type == "Loop"
        for attribute in node.attribute
        if attribute.HasField("g")
    ]


@pytest.mark.slow
def test_int8_goes_into_the_loop_and_keeps_one_table(model, tmp_path):
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(model, folder, precision="int8", num_beams=2)
    assert report.passed
    # Reported alone: after the first other id a row tells another tale.
    assert report.signatures[0].rows > 10
    graph = onnx.load(folder / "generate.onnx")
    (body,) = bodies(graph)
    kinds = [node.op_type for node in body.node]
    # Query, key and value, and their output; the source's query and output; two of
    # the feed-forward network; the head.
    assert kinds.count("MatMulInteger") == 7
    # Scores and the values mixed by them, of target and source.
    assert kinds.count("MatMul") == 4
    weights = graph.graph.initializer
    tables = [list(x.dims) for x in weights if x.data_type == onnx.TensorProto.UINT8]
    assert tables.count([V, D]) == 1
    assert not [x for x in weights if x.data_type == 1 and np.prod(x.dims) > 2000]


@pytest.mark.slow
def test_weights_that_say_something_else_are_refused(tmp_path, monkeypatch):
    # Well trained: it says its one token, and nothing else is nearly as probable.
    sure = small_translator(scale=0.1, vocabulary_size=V, logits_bias=True)
    bias = np.zeros((1, V), "float32")
    bias[0, 5] = 9
    sure.logits_bias.assign(bias)

    def broken(graph):
        for tensor in graph.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.shape in ((1, V), (1, 1, V), (V,)) and values.max() == 9:
                rolled = np.roll(values, 1, axis=-1)
                tensor.CopyFrom(onnx.numpy_helper.from_array(rolled, tensor.name))
                return graph
        raise LookupError("no bias of the logits")

    monkeypatch.setitem(onnx_precision.PRECISIONS, "int8", broken)
    with pytest.raises(kzoo.export.ExportError, match="other ids"):
        kzoo.export.to_onnx(
            sure, tmp_path / "a", precision="int8", num_beams=1, max_new_tokens=5
        )
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int4"])
def test_other_precisions_open(model, precision):
    subject = TranslatorSubject(model, SearchOptions(num_beams=2, max_new_tokens=7))
    whole = translator_onnx.translating_ids(subject)
    graph = onnx_precision.PRECISIONS[precision](whole)
    onnx.checker.check_model(graph)
    import onnxruntime

    session = onnxruntime.InferenceSession(graph.SerializeToString())
    feeds = {
        "input_ids": np.array([[5, 7, 0]]),
        "attention_mask": np.ones((1, 3), "int64"),
    }
    ids, score = session.run(None, feeds)
    assert ids.shape[0] == 1
    assert score.dtype == np.float32
    assert -50 < score[0] < 0


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_the_huggingface_layout(model, precision, tmp_path):
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(
        model, folder, precision=precision, layout="huggingface"
    )
    assert report.passed
    assert all(item.max_absolute > 1e-4 for item in report.signatures)
