"""SentencePiece inside an ONNX graph, with the ids of the host."""

import numpy as np

from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    LEAST_OPSET,
    check_opset,
    model_of,
)
from kzoo.export.graph_tokenizers.onnx_bytes import text_bytes, without_nul
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_rows import name_rows
from kzoo.export.graph_tokenizers.onnx_utf8 import decode_bytes, replaced_bytes
from kzoo.export.graph_tokenizers.sentencepiece_tables import (
    OnnxPieces,
    onnx_pieces,
    sides,
)
from kzoo.tokenizers.sentencepiece_checks import check_max_length

_DROPPED = -2  # an id that leaves the row; -1 ends one
_BETWEEN = b"\xff"  # a byte that no UTF-8 has


def onnx_sentencepiece(
    tokenizer,
    max_length: int | None,
    *,
    opset: int = LEAST_OPSET,
    ir_version: int = 9,
    prefix: str = "sentencepiece/",
):
    """Return an ONNX model that turns texts into ids as the host tokenizer does.

    Input `text`, string `(batch,)`, of the source language; outputs `input_ids` and
    `attention_mask`, int64 `(batch, sequence)`, as long as the longest row. Some
    operators are those of onnxruntime-extensions: a session registers what
    `kzoo.export.graph_tokenizers.extensions_library` returns.

    Args:
        tokenizer: A `TranslationTokenizer` or `SentencePieceTokenizer`.
        max_length: The most ids of a row, the end included; None for all.
        opset: The version of ONNX's own operators, 20 or more; that of the model it
            is merged with.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: A `max_length` below 1, or an `opset` that is too low.
    """
    from onnx import TensorProto, helper

    check_max_length(max_length)
    check_opset(opset)
    source, _ = sides(tokenizer)
    pieces = onnx_pieces(source)
    graph = OnnxGraphWriter(prefix)
    # One text more: on an empty batch onnxruntime-extensions would crash.
    text = graph.op("Concat", "text", graph.constant(b"x"), axis=0)
    text = _well_formed(graph, without_nul(graph, text, pieces.nul))
    language = None
    if source.has_own_vocabulary:
        language, text = _language_and_rest(graph, text, source)
    ids, starts = _piece_ids(graph, text, pieces, source.unknown_id)
    ids = _with_ends(graph, ids, starts, language)
    name_rows(graph, ids, (None, source.end_id), source.pad_id, max_length)
    made = helper.make_graph(
        graph.nodes,
        f"{prefix}graph",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
            for n in ("input_ids", "attention_mask")
        ],
        graph.constants,
    )
    return model_of(made, opset, ir_version)


def _well_formed(graph: OnnxGraphWriter, text: str) -> str:
    """Put U+FFFD where a text is not UTF-8, string `(B,)`."""
    stream, ends = text_bytes(graph, text)
    choice = replaced_bytes(graph, stream, decode_bytes(graph, stream))
    choice = graph.op("Where", ends, 0xFF, choice)
    strings = [*(bytes([byte]) for byte in range(256)), "\ufffd".encode(), b""]
    strings[0xFF] = _BETWEEN
    chosen = graph.gather(graph.constant(strings), choice)
    joined = graph.custom("StringJoin", chosen, graph.constant(b""), graph.axis(0))
    parts, _ = graph.several(2, "StringSplit", joined, delimiter=_BETWEEN)
    parts = graph.op("Reshape", parts, graph.axis(-1))
    # Behind the last separator stands one part more, which is empty.
    zero = graph.axis(0)
    return graph.op("Slice", parts, zero, graph.length(text), zero)


def _language_and_rest(graph: OnnxGraphWriter, text: str, source) -> tuple[str, str]:
    """Return the id of each text's language token, int64 `(B,)`, and what follows."""

    def replaced(pattern: str, by: bytes) -> str:
        pattern = graph.constant(pattern.encode())
        return graph.custom("StringRegexReplace", text, pattern, graph.constant(by))

    rest = replaced("(?s)^>>.*?<<", b"")
    tokens = {
        token: index
        for token, index in source.text_ids.items()
        if token.startswith(">>") and token.find("<<") == len(token) - 2
    }
    if tokens:
        known = graph.op(
            "LabelEncoder",
            replaced("(?s)^(>>.*?<<).*$", rb"\1"),
            domain="ai.onnx.ml",
            keys_strings=[token.encode() for token in tokens],
            values_int64s=list(tokens.values()),
            default_int64=source.unknown_id,
        )
    else:
        unknown = graph.axis(source.unknown_id)
        known = graph.op("Expand", unknown, graph.op("Shape", text))
    without = graph.op("Equal", rest, text)
    dropped = graph.constant(_DROPPED, "int64")
    return graph.op("Where", without, dropped, known), rest


def _piece_ids(
    graph: OnnxGraphWriter, text: str, pieces: OnnxPieces, unknown_id: int
) -> tuple[str, str]:
    """Return the ids of all pieces, int64 `(N,)`, and where each text's begin."""
    options = [
        graph.axis(0),
        graph.constant([0.0], "float32"),
        *[graph.constant([False], "bool")] * 4,
    ]
    own, starts, _ = graph.several(
        3, "SentencepieceTokenizer", text, *options, domain=CUSTOM, model=pieces.model
    )
    starts = graph.op("Slice", starts, graph.axis(0), graph.length(text), graph.axis(0))
    own = graph.long(own)
    ids = graph.gather(pieces.ids, own)
    if not pieces.letters.any():
        return ids, starts
    zero = graph.constant(0, "int64")
    letter = graph.gather(pieces.letters, own)
    inside = graph.op("Greater", letter, zero)
    begins = graph.op("Not", _shifted(graph, inside, -1, "bool"))
    begins = graph.op("Or", begins, _firsts(graph, starts, own))
    first = graph.op("And", inside, begins)
    if pieces.runs:
        ids = _looked_up(graph, pieces, letter, first, unknown_id)
        ids = graph.op("Where", inside, ids, graph.gather(pieces.ids, own))
    follows = graph.op("And", inside, graph.op("Not", first))
    return graph.op("Where", follows, graph.constant(_DROPPED, "int64"), ids), starts


def _looked_up(graph, pieces: OnnxPieces, letter, first, unknown_id: int) -> str:
    """Return the id of the run that begins at each place, int64 `(N,)`."""
    zero = graph.constant(0, "int64")
    more, key, factor = None, letter, 1
    for place in range(1, pieces.longest + 1):
        factor *= pieces.base
        goes_on = graph.op("Not", _shifted(graph, first, place, "bool"))
        more = goes_on if more is None else graph.op("And", more, goes_on)
        next_letter = _shifted(graph, letter, place, "int64")
        here = graph.op("Greater", next_letter, zero)
        more = graph.op("And", more, here)
        term = graph.op("Mul", next_letter, graph.constant(factor, "int64"))
        key = graph.op("Add", key, graph.op("Where", more, term, zero))
    return graph.op(
        "LabelEncoder",
        key,
        domain="ai.onnx.ml",
        keys_int64s=list(pieces.runs),
        values_int64s=list(pieces.runs.values()),
        default_int64=unknown_id,
    )


def _firsts(graph: OnnxGraphWriter, starts: str, values: str) -> str:
    """Return whether a piece is its text's first, bool `(N,)`."""
    counts = _counts(graph, starts, values)
    return graph.op("Greater", counts, graph.constant(0, "int64"))


def _counts(graph: OnnxGraphWriter, starts: str, values: str) -> str:
    """Return how many texts begin at each place, int64 `(N,)`."""
    zero, one = graph.axis(0), graph.axis(1)
    length = graph.length(values)
    counts = graph.long(graph.op("ConstantOfShape", graph.op("Add", length, one)))
    ones = graph.op("Expand", one, graph.op("Shape", starts))
    counts = graph.op("ScatterElements", counts, starts, ones, axis=0, reduction="add")
    return graph.op("Slice", counts, zero, length, zero)


def _with_ends(graph: OnnxGraphWriter, ids: str, starts: str, language: str | None):
    """Return the ids of all texts, -1 behind each, the language before it."""
    one = graph.constant(1, "int64")
    row = graph.op("Sub", graph.op("CumSum", _counts(graph, starts, ids), 0), one)
    length, rows = graph.length(ids), graph.length(starts)
    every_row = graph.count_up(rows)
    each = 1 if language is None else 2  # places that a row takes besides
    extra = graph.op("Mul", row, graph.constant(each, "int64"))
    place = graph.op("Add", graph.count_up(length), extra)
    if language is not None:
        place = graph.op("Add", place, one)
        first = graph.op("Add", starts, graph.op("Mul", every_row, graph.axis(2)))
        place = graph.op("Concat", place, first, axis=0)
        ids = graph.op("Concat", ids, language, axis=0)
    size = graph.op("Add", length, graph.op("Mul", rows, graph.axis(each)))
    ends = graph.op("Expand", graph.axis(-1), size)
    flat = graph.op("ScatterElements", ends, place, ids, axis=0)
    kept = graph.op("Equal", flat, graph.constant(_DROPPED, "int64"))
    return graph.op("Compress", flat, graph.op("Not", kept), axis=0)


def _shifted(graph: OnnxGraphWriter, values: str, by: int, dtype: str) -> str:
    """Return where each place has the value `by` places further; 0 beyond."""
    zeros = graph.constant(np.zeros(abs(by), dtype))
    zero = graph.axis(0)
    if by > 0:
        end = graph.axis(np.iinfo("int64").max)
        rest = graph.op("Slice", values, graph.axis(by), end, zero)
        longer = graph.op("Concat", rest, zeros, axis=0)
    else:
        rest = graph.op("Concat", zeros, values, axis=0)
        longer = graph.op("Slice", rest, zero, graph.axis(by), zero)
    return graph.op("Slice", longer, zero, graph.length(values), zero)
