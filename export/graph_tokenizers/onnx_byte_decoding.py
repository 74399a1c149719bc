"""Ids back to text inside an ONNX graph, by ONNX's own operators alone."""

from collections.abc import Sequence

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import spelt_bytes
from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    LEAST_OPSET,
    check_opset,
    model_of,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_utf8 import (
    NOTHING,
    character_codes,
    decode_bytes,
    replaced_bytes,
)

# What `str.strip` takes off.
WHITESPACE = [code for code in range(0x3001) if chr(code).isspace()]


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
    spelt = spelt_bytes(tokenizer, skip_special_tokens)
    return spelling_model(spelt, opset=opset, ir_version=ir_version, prefix=prefix)


def spelling_model(
    spelt: Sequence[bytes],
    *,
    each_byte: bool = False,
    strip: bool = False,
    opset: int,
    ir_version: int,
    prefix: str,
):
    """Return an ONNX model that puts the spellings of ids in a row.

    Args:
        spelt: The bytes of each id, and behind them those of what is no id: none.
        each_byte: What becomes of bytes that are not UTF-8, as `replaced_bytes` has
            it.
        strip: Whether whitespace goes at both ends of a text, as by `str.strip`.
        opset: The version of ONNX's own operators, 20 or more.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto` of `ids` to `text`.
    """
    from onnx import TensorProto, helper

    check_opset(opset)
    graph = OnnxGraphWriter(prefix)
    choice = _characters(graph, list(spelt), each_byte, strip)
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


def _characters(
    graph: OnnxGraphWriter, spelt: list[bytes], each_byte: bool, strip: bool
) -> str:
    """Return the place of each character's string, int64 `(B + 1, bytes)`."""
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
    decoded = decode_bytes(graph, stream)
    choice = graph.long(replaced_bytes(graph, stream, decoded, each_byte))
    row = graph.op("Div", token, width)
    ends = graph.op("Mod", token, width)
    ends = graph.op("Equal", ends, length)
    choice = graph.op("Where", ends, graph.constant(NOTHING, long), choice)
    end_places = graph.places(ends)  # (B + 1,)
    starts = graph.op("Concat", zero, graph.op("Add", end_places, one), axis=0)
    starts = graph.op("Slice", starts, zero, rows, zero)
    if strip:
        space = _is_space(graph, character_codes(graph, decoded))
        ink = graph.op("Not", graph.op("Or", space, ends))
        inside = _between_ink(graph, graph.long(ink), starts, end_places, row)
        choice = graph.op("Where", inside, choice, graph.constant(NOTHING, long))
    column = graph.op("Sub", place, graph.gather(starts, row))
    longest = graph.op("ReduceMax", graph.op("Sub", end_places, starts))
    shape = graph.op("Add", graph.op("Reshape", longest, one), one)
    shape = graph.op("Concat", rows, shape, axis=0)
    index = [graph.op("Unsqueeze", part, one) for part in (row, column)]
    return graph.op(
        "ScatterND",
        graph.op("Expand", graph.axis(NOTHING), shape),
        graph.op("Concat", *index, axis=1),
        choice,
    )


def _is_space(graph: OnnxGraphWriter, codes: str) -> str:
    """Return which code points `str.strip` takes off, bool `(N,)`."""
    codes = graph.op("Unsqueeze", codes, graph.axis(1))
    same = graph.op("Equal", codes, graph.constant(np.array(WHITESPACE, "int32")))
    some = graph.op("ReduceMax", graph.integers(same), graph.axis(1), keepdims=0)
    return graph.op("Greater", some, 0)


def _between_ink(graph: OnnxGraphWriter, ink, starts, ends, row) -> str:
    """Return what stands between the first and the last ink of its row.

    Args:
        graph: Where to add nodes.
        ink: int64 `(N,)`, 1 for ink.
        starts: int64 `(rows,)`, where rows begin.
        ends: int64 `(rows,)`, where they end.
        row: int64 `(N,)`, the row of each place.

    Returns:
        The name of a bool `(N,)`.
    """
    before = graph.op("CumSum", ink, 0, exclusive=1)
    until = graph.op("Add", before, ink)
    at_start = graph.gather(graph.gather(before, starts), row)
    at_end = graph.gather(graph.gather(before, ends), row)
    begun = graph.op("Greater", until, at_start)
    return graph.op("And", begun, graph.op("Less", before, at_end))


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
