"""GPT-2's graphs with smaller weights, and with weights in a file of their own."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import kzoo.export
from kzoo.export import onnx_int8, onnx_precision, onnx_writer
from kzoo.export.onnx_graph import all_nodes
from kzoo.models import GPT2CausalLM

pytestmark = pytest.mark.tensorflow_only

V, D = 211, 32


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    return GPT2CausalLM.from_preset(
        "gpt2-tiny",
        vocabulary_size=V,
        hidden_dim=D,
        num_heads=2,
        num_layers=1,
        initializer_range=0.1,
        max_sequence_length=29,
    )


def weights_of(graph, dtype):
    return [x for x in graph.graph.initializer if x.data_type == dtype]


def loop_of(graph):
    return next(node for node in graph.graph.node if node.op_type == "Loop")


@pytest.fixture(scope="module")
def int8_folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8") / "artefact"
    return folder, kzoo.export.to_onnx(model, folder, precision="int8")


def test_int8_goes_into_the_loop_and_keeps_one_table(int8_folder, model):
    folder, report = int8_folder
    assert report.passed
    graph = onnx.load(folder / "generate.onnx")
    body = loop_of(graph).attribute[0].g
    kinds = [node.op_type for node in body.node]
    # Query, key and value; their output; two of the feed-forward network; the head.
    assert kinds.count("MatMulInteger") == 5
    assert kinds.count("MatMul") == 2  # scores, and the values mixed by them
    tables = weights_of(graph, onnx.TensorProto.UINT8)
    assert sorted(list(x.dims) for x in tables).count([V, D]) == 1
    large = [x for x in weights_of(graph, 1) if np.prod(x.dims) > 600]
    assert large == []
    assert sum(np.prod(x.dims) for x in body.initializer) < 400


def test_the_report_of_int8_says_how_many_rows_are_the_same(int8_folder):
    by_name = {item.name: item for item in int8_folder[1].signatures}
    assert by_name["tokens"].max_absolute > 1e-4
    assert by_name["generate"].rows > 10
    # Reported alone: after the first other id a row tells another tale.
    assert by_name["generate"].passed


def test_int8_rounds_to_the_nearest_of_255():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(7, 5)).astype("float32")
    table[3] = 0
    helper, to = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["x"]),
            helper.make_node("Gemm", ["x", "table"], ["y"], transB=1),
        ],
        "tied",
        [helper.make_tensor_value_info("ids", to.INT64, ["batch"])],
        [
            helper.make_tensor_value_info("x", to.FLOAT, ["batch", 5]),
            helper.make_tensor_value_info("y", to.FLOAT, ["batch", 7]),
        ],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    whole = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    assert onnx_int8.has_loop_or_tied_head(whole)
    reduced = onnx_int8.quantized(whole)
    onnx.checker.check_model(reduced)
    assert whole.graph.initializer[0].data_type == to.FLOAT
    session = onnxruntime.InferenceSession(reduced.SerializeToString())
    x, y = session.run(None, {"ids": np.arange(7)})
    scale = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(x - table) <= scale / 2 + 1e-6).all()
    np.testing.assert_allclose(y, table @ table.T, atol=0.1)


@pytest.mark.parametrize("product", ["MatMul", "Gemm"])
def test_int8_multiplies_the_greatest_bytes_right_on_any_processor(product):
    # Two products of 255 and 127 are more than 16 bits hold, where AVX2 keeps them.
    rng = np.random.default_rng(4)
    weights = rng.uniform(0.9, 1, size=(64, 16)).astype("float32")
    weights[:, ::2] *= -1
    x = rng.uniform(0.9, 1, size=(3, 64)).astype("float32")
    helper, to = onnx.helper, onnx.TensorProto
    turned = product == "Gemm"
    stored = np.ascontiguousarray(weights.T) if turned else weights
    graph = helper.make_graph(
        [
            helper.make_node(
                product, ["x", "w"], ["y"], **({"transB": 1} if turned else {})
            )
        ],
        "product",
        [helper.make_tensor_value_info("x", to.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", to.FLOAT, ["batch", 16])],
        [onnx.numpy_helper.from_array(stored, "w")],
    )
    whole = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    assert onnx_int8.has_loop_or_tied_head(whole) == turned
    reduced = onnx_precision.int8(whole)
    session = onnxruntime.InferenceSession(reduced.SerializeToString())
    (y,) = session.run(None, {"x": x})
    # Half a step of either: 0.5 / 127 of a weight, 0.5 / 255 of an input.
    np.testing.assert_allclose(y, x @ weights, rtol=0.5 / 127 + 0.5 / 255)
    matrices = [
        x for x in weights_of(reduced, to.UINT8) if list(x.dims) == list(stored.shape)
    ]
    assert len(matrices) == 1
    assert weights_of(reduced, to.INT8) == []


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int4"])
def test_other_precisions_go_into_the_loop(model, precision, tmp_path):
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(model, folder, precision=precision)
    assert report.passed
    graph = onnx.load(folder / "generate.onnx")
    if precision == "float16":
        assert weights_of(graph, onnx.TensorProto.FLOAT) == []
        return
    body = loop_of(graph).attribute[0].g
    kinds = [node.op_type for node in body.node]
    assert kinds.count("MatMulNBits") == 4
    names = [x.name for x in graph.graph.initializer]
    assert len(names) == len(set(names))
    assert sum(node.op_type == "MatMulNBits" for node in all_nodes(graph.graph)) == 8


def test_weights_beyond_one_file_lie_beside_it(model, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_writer, "MOST_BYTES", 9_999)
    folder = tmp_path / "artefact"
    report = kzoo.export.to_onnx(model, folder, layout="huggingface")
    assert report.passed
    assert (folder / "model.onnx").stat().st_size < 60_000
    assert (folder / "model.onnx_data").stat().st_size > 4 * V * D
    modes = {(folder / f"model.onnx{end}").stat().st_mode for end in ("", "_data")}
    assert len(modes) == 1  # whoever may read the one may read the other
    assert kzoo.export.validate(folder, model).passed
    (folder / "model.onnx_data").write_bytes(b"")
    report = kzoo.export.validate(folder, model)
    assert any("model.onnx_data has changed" in reason for reason in report.reasons)
