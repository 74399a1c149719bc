"""Passes over ONNX graphs: what loops carry, and how caches grow."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kzoo.export.onnx_cache_layout import keep_heads_first
from kzoo.export.onnx_loops import read_constants_outside

pytestmark = pytest.mark.backend_free

B, S, N, H = 2, 5, 3, 7


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def session_of(graph):
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString())


def growing(*more_nodes, outputs=()):
    """Return a graph that turns a cache, lets it grow and turns it back."""
    nodes = [
        helper.make_node("Transpose", ["past"], ["columns"], perm=[0, 2, 1, 3]),
        helper.make_node("Shape", ["columns"], ["before"]),
        helper.make_node("Concat", ["columns", "new"], ["grown"], axis=1),
        helper.make_node("Shape", ["grown"], ["after"]),
        helper.make_node("Transpose", ["grown"], ["present"], perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["grown"], ["values"], perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["grown"], ["keys"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["values", "keys"], ["products"]),
        *more_nodes,
    ]
    long = TensorProto.INT64
    return helper.make_graph(
        nodes,
        "growing",
        [value("past", ["b", N, "s", H]), value("new", ["b", "t", N, H])],
        [
            value("present", ["b", N, "u", H]),
            value("products", ["b", N, "u", "u"]),
            value("before", [4], long),
            value("after", [4], long),
            *outputs,
        ],
    )


def answers(graph):
    rng = np.random.default_rng(0)
    past = rng.normal(size=(B, N, S, H)).astype("float32")
    new = rng.normal(size=(B, 2, N, H)).astype("float32")
    return session_of(graph).run(None, {"past": past, "new": new})


def test_a_cache_grows_with_its_heads_first():
    graph = growing()
    wanted = answers(graph)
    keep_heads_first(graph)
    kinds = [(node.op_type, list(node.input)) for node in graph.node]
    assert kinds[0] == ("Shape", ["past"]) or kinds[0][0] != "Transpose"
    turned = [names for kind, names in kinds if kind == "Transpose"]
    assert turned == [["new"], ["present"]]
    for found, other in zip(answers(graph), wanted, strict=True):
        np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("name", ["columns", "grown"])
def test_a_cache_used_otherwise_stays(name):
    relu = helper.make_node("Relu", [name], ["other"])
    graph = growing(relu, outputs=[value("other", ["b", "x", N, H])])
    before = graph.SerializeToString()
    keep_heads_first(graph)
    assert graph.SerializeToString() == before


def counting(passed_on):
    """Return a loop that adds a weight three times, the weight handed on or not."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["sum", "step"], ["next"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            value("round", [], TensorProto.INT64),
            value("go", [], TensorProto.BOOL),
            value("sum", [H]),
            value("step", [H]),
        ],
        [
            value("go_on", [], TensorProto.BOOL),
            value("next", [H]),
            value(passed_on, [H]),
        ],
    )
    weight = np.arange(H, dtype="float32")
    return helper.make_graph(
        [
            helper.make_node(
                "Loop", ["count", "", "x", "weight"], ["y", "rest"], body=body
            ),
            helper.make_node("Mul", ["y", "rest"], ["z"]),
        ],
        "counting",
        [value("x", [H])],
        [value("z", [H])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array(3), "count"),
        ],
    )


def test_what_a_loop_only_hands_on_is_read_outside():
    graph = counting("step")
    x = np.ones(H, "float32")
    (wanted,) = session_of(graph).run(None, {"x": x})
    read_constants_outside(graph)
    loop = graph.node[0]
    assert list(loop.input) == ["count", "", "x"]
    assert list(loop.output) == ["y"]
    body = loop.attribute[0].g
    assert list(body.node[0].input) == ["sum", "weight"]
    assert [len(body.input), len(body.output)] == [3, 2]
    (found,) = session_of(graph).run(None, {"x": x})
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(found, (1 + 3 * np.arange(H)) * np.arange(H))


def test_what_changes_is_still_handed_on():
    graph = counting("next")
    before = graph.SerializeToString()
    read_constants_outside(graph)
    assert graph.SerializeToString() == before
