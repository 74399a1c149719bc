"""Ids back to text inside an ONNX graph, by ONNX's own operators alone."""

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import spelt_bytes
from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    LEAST_OPSET,
    check_opset,
    model_of,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_utf8 import decode_bytes

_REPLACED, _NOTHING = 256, 257  # places in the table of strings, behind the bytes


def onnx_byte_bpe_decoder(
    tokenizer,
    *,
    skip_special_tokens: bool = True,
    opset: int = LEAST_OPSET,
    ir_version: int = 9,
    prefix: str = "byte_bpe_decoder/",
):
    """Return an ONNX model that turns ids into the texts that the host decodes.

    Input `ids`, int64 `(batch, sequence)`; output `text`, string `(batch,)`. What is
    no token's id spells nothing; what is not UTF-8 becomes U+FFFD. No operator of
    onnxruntime-extensions is in it: those end a string at U+0000.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        skip_special_tokens: Whether special tokens spell nothing.
        opset: The version of ONNX's own operators, 20 or more.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: An `opset` that is too low.
    """
    from onnx import TensorProto, helper

    check_opset(opset)
    graph = OnnxGraphWriter(prefix)
    choice = _characters(graph, tokenizer, skip_special_tokens)
    strings = [*(bytes([byte]) for byte in range(256)), chr(REPLACEMENT).encode(), b""]
    joined = _joined(graph, graph.gather(graph.constant(strings), choice))
    batch = graph.length("ids")
    zero = graph.axis(0)
    graph.name_output(graph.op("Slice", joined, zero, batch, zero), "text")
    made = helper.make_graph(
        graph.nodes,
        f"{prefix}graph",
        [
            helper.make_tensor_value_info(
                "ids", TensorProto.INT64, ["batch", "sequence"]
            )
        ],
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        graph.constants,
    )
    return model_of(made, opset, ir_version)


def _characters(graph: OnnxGraphWriter, tokenizer, skip_special_tokens: bool) -> str:
    """Return the place of each character's string, int64 `(B + 1, bytes)`."""
    spelt = spelt_bytes(tokenizer, skip_special_tokens)
    nothing = len(spelt) - 1
    spelt.append(b"\n")  # what ends a row, so that no character crosses it
    end = len(spelt) - 1
    sizes = np.array([len(token) for token in spelt], "int64")
    flat, long, zero, one = graph.axis(-1), "int64", graph.axis(0), graph.axis(1)
    # One row and one column more: nothing here is ever empty.
    below = graph.op("Less", "ids", graph.constant(nothing, long))
    positive = graph.op("GreaterOrEqual", "ids", graph.constant(0, long))
    known = graph.op("And", below, positive)
    ids = graph.op("Where", known, "ids", graph.constant(nothing, long))
    shape = graph.op("Shape", ids)
    batch = graph.op("Slice", shape, zero, one)
    length = graph.op("Slice", shape, one, graph.axis(2))
    last_row = graph.op(
        "Expand", graph.axis(nothing), graph.op("Concat", one, length, axis=0)
    )
    ids = graph.op("Concat", ids, last_row, axis=0)
    rows = graph.op("Add", batch, one)
    column = graph.op("Expand", graph.axis(end), graph.op("Concat", rows, one, axis=0))
    ids = graph.op("Reshape", graph.op("Concat", ids, column, axis=1), flat)
    width = graph.op("Add", length, one)
    size = graph.op("GatherElements", graph.constant(sizes), ids, axis=0)
    begins = graph.op("CumSum", size, 0, exclusive=1)  # (tokens,)
    total = graph.op("ReduceSum", size, zero, keepdims=1)
    # Which token each byte is of: the last of those that begin there or before.
    counts = graph.op("ConstantOfShape", graph.op("Add", total, one))
    counts = graph.op(
        "ScatterElements",
        graph.long(counts),
        begins,
        graph.op("Expand", one, graph.op("Shape", begins)),
        axis=0,
        reduction="add",
    )
    token = graph.op("Sub", graph.op("CumSum", counts, 0), one)
    token = graph.op("Slice", token, zero, total, zero)
    place = graph.count_up(total)
    begin = graph.gather(begins, token)
    offsets = graph.constant(np.cumsum(sizes) - sizes)
    source = graph.op("GatherElements", offsets, graph.gather(ids, token), axis=0)
    source = graph.op("Add", source, graph.op("Sub", place, begin))
    table = graph.constant(np.frombuffer(b"".join(spelt), "uint8"))
    stream = graph.integers(graph.op("Gather", table, source, axis=0))
    choice = graph.long(_replaced(graph, stream))
    row = graph.op("Div", token, width)
    ends = graph.op("Mod", token, width)
    ends = graph.op("Equal", ends, length)
    choice = graph.op("Where", ends, graph.constant(_NOTHING, long), choice)
    end_places = graph.places(ends)  # (B + 1,)
    starts = graph.op("Concat", zero, graph.op("Add", end_places, one), axis=0)
    starts = graph.op("Slice", starts, zero, rows, zero)
    column = graph.op("Sub", place, graph.gather(starts, row))
    longest = graph.op("ReduceMax", graph.op("Sub", end_places, starts))
    shape = graph.op("Add", graph.op("Reshape", longest, one), one)
    shape = graph.op("Concat", rows, shape, axis=0)
    index = [graph.op("Unsqueeze", part, one) for part in (row, column)]
    return graph.op(
        "ScatterND",
        graph.op("Expand", graph.axis(_NOTHING), shape),
        graph.op("Concat", *index, axis=1),
        choice,
    )


def _replaced(graph: OnnxGraphWriter, stream: str) -> str:
    """Return the place of each byte's string, ill-formed parts replaced."""
    decoded = decode_bytes(graph, stream)
    codes = decoded.codes
    for mask, by in (
        (decoded.second, -1),
        (decoded.third, -2),
        (decoded.fourth, -3),
    ):
        codes = graph.op("Where", mask, graph.shifted(decoded.codes, by), codes)
    bad = graph.op("Equal", codes, REPLACEMENT)
    instead = graph.op("Where", decoded.starts, _REPLACED, _NOTHING)
    return graph.op("Where", bad, instead, stream)


def _joined(graph: OnnxGraphWriter, strings: str) -> str:
    """Join strings `(B, W)` along their rows: neighbours, until one is left."""
    from onnx import TensorProto, helper

    body = OnnxGraphWriter(graph.prefix + "join/")
    rows = body.op("Shape", "many", end=1)
    width = body.op("Shape", "many", start=1)
    odd = body.op("Mod", width, body.axis(2))
    fill = body.op("Concat", rows, odd, axis=0)
    fill = body.op("Expand", body.constant(b""), fill)
    even = body.op("Concat", "many", fill, axis=1)
    axes, end = body.axis(1), body.axis(np.iinfo("int64").max)
    left, right = (
        body.op("Slice", even, body.axis(first), end, axes, body.axis(2))
        for first in (0, 1)
    )
    body.name_output(body.op("StringConcat", left, right), "half")
    half = body.op("Shape", "half", start=1)
    more = body.op("Greater", half, body.axis(1))
    body.name_output(body.op("Squeeze", more, body.axis(0)), "more")

    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    matrix = ["rows", "columns"]
    made = helper.make_graph(
        body.nodes,
        "join",
        [
            info("round", TensorProto.INT64, []),
            info("go_on", TensorProto.BOOL, []),
            info("many", TensorProto.STRING, matrix),
        ],
        [info("more", TensorProto.BOOL, []), info("half", TensorProto.STRING, matrix)],
        body.constants,
    )
    always = graph.constant(True, "bool")
    one = graph.op("Loop", "", always, strings, body=made)
    return graph.op("Squeeze", one, graph.axis(1))
