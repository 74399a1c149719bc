"""Byte-level BPE inside an ONNX graph, with the ids of the host."""

import numpy as np

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.byte_bpe_tables import merge_tables
from kzoo.export.graph_tokenizers.graph_vocabulary import limitations
from kzoo.export.graph_tokenizers.onnx_byte_letters import OnnxByteLetters
from kzoo.export.graph_tokenizers.onnx_byte_words import OnnxByteWords
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_rows import name_rows

LEAST_OPSET = 20  # the first with StringSplit, which alone gets past U+0000
ORDER_LIMITATION = (
    "the merges list a pair before one that makes a part of it, which no training "
    "does; onnxruntime-extensions joins such pairs in another order than the host"
)
# Places in the table of strings, behind the 256 letters of bytes.
_NOTHING, _SEPARATOR, _FIRST_MARK = 256, 257, 258


def onnx_byte_bpe(
    tokenizer,
    max_length: int | None,
    *,
    opset: int = LEAST_OPSET,
    ir_version: int = 9,
    prefix: str = "byte_bpe/",
):
    """Return an ONNX model that turns texts into ids as the host tokenizer does.

    Input `text`, string `(batch,)`; outputs `input_ids` and `attention_mask`, int64
    `(batch, sequence)`, as long as the longest row, which is 0 for empty texts where
    there is no frame. Some operators are those of onnxruntime-extensions: a session
    registers `onnxruntime_extensions.get_library_path()`.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        max_length: The most ids of a row, the frame included; None for all.
        opset: The version of ONNX's own operators, 20 or more; that of the model it
            is merged with.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: `max_length` leaves no room for the special tokens, or an `opset`
            that is too low.
    """
    least = max(tokenizer.frame_length, 1)
    if max_length is not None and max_length < least:
        raise InputError(
            "max_length leaves room for the special tokens around a text.",
            f"max_length={max_length}",
            f"Pass {least} or more.",
        )
    check_opset(opset)
    graph = OnnxGraphWriter(prefix)
    # One text more: on an empty batch onnxruntime-extensions would crash.
    text = graph.op("Concat", "text", graph.constant(b"x"), axis=0)
    words = OnnxByteWords(graph, tokenizer)
    codes, marks, starts = words.words(text)
    values = [-1, *map(tokenizer.token_to_id, words.tokens)]
    ids = _merged(graph, codes, marks, starts, tokenizer, np.array(values, "int64"))
    frame = (tokenizer.cls_id, tokenizer.sep_id) if tokenizer.is_framed else None
    name_rows(graph, ids, frame, tokenizer.pad_id, max_length)
    return encoder_model(graph, opset, ir_version)


def check_opset(opset: int) -> None:
    """Raise if the operators for strings are not there yet.

    Args:
        opset: The version of ONNX's own operators.

    Raises:
        InputError: It is below 20.
    """
    if opset < LEAST_OPSET:
        raise InputError(
            f"Byte-level BPE in ONNX needs opset {LEAST_OPSET}: StringSplit and "
            "StringConcat came with it.",
            f"opset={opset}",
            "Convert the model to it with onnx.version_converter.",
        )


def encoder_model(graph: OnnxGraphWriter, opset: int, ir_version: int):
    """Return the `onnx.ModelProto` of texts to `input_ids` and `attention_mask`.

    Args:
        graph: What was written, those two named.
        opset: The version of ONNX's own operators.
        ir_version: The version of the file format.
    """
    from onnx import TensorProto, helper

    names = ("input_ids", "attention_mask")
    made = helper.make_graph(
        graph.nodes,
        f"{graph.prefix}graph",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
            for n in names
        ],
        graph.constants,
    )
    return model_of(made, opset, ir_version)


def model_of(graph, opset: int, ir_version: int):
    """Return the `onnx.ModelProto` of a graph."""
    from onnx import helper

    versions = {"": opset, "ai.onnx.ml": 2, CUSTOM: 1}
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*item) for item in versions.items()],
        ir_version=ir_version,
        producer_name="kzoo",
    )


def onnx_byte_bpe_limitations(tokenizer, opset: int = LEAST_OPSET) -> tuple[str, ...]:
    """Return for which texts `onnx_byte_bpe` cannot give the host's ids.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        opset: As for `onnx_byte_bpe`.

    Returns:
        Sentences; empty for GPT-2's and RoBERTa's tokenizers.
    """
    check_opset(opset)
    order = () if merge_tables(tokenizer).at_once else (ORDER_LIMITATION,)
    return order + limitations(tokenizer)


def _merged(graph, codes, marks, starts, tokenizer, values: np.ndarray) -> str:
    """Return the ids of all words, those of `values` in the place of marks.

    Args:
        graph: Where to add nodes.
        codes: int32 `(N,)`, code points.
        marks: int32 `(N,)`, 0 or the number of a mark.
        starts: bool `(N,)`, where words begin.
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        values: int64, the id that each mark stands for, from mark 1 on.

    Returns:
        The name of an int64 `(ids,)`.
    """
    letters = OnnxByteLetters(tokenizer, len(values))
    strings = [*letters.of_byte, b"", letters.before_word, *letters.of_mark]
    slots = [graph.op("Where", starts, _SEPARATOR, _NOTHING), *_bytes(graph, codes)]
    is_mark = graph.op("Greater", marks, 0)
    mark = graph.op("Add", marks, _FIRST_MARK - 1)
    slots[1] = graph.op("Where", is_mark, mark, slots[1])
    columns = [graph.op("Unsqueeze", slot, graph.axis(1)) for slot in slots]
    choice = graph.op("Concat", *columns, axis=1)  # (N, 5)
    choice = graph.op("Reshape", choice, graph.axis(-1))
    something = graph.op("Not", graph.op("Equal", choice, _NOTHING))
    choice = graph.op("Compress", choice, something, axis=0)
    chosen = graph.gather(graph.constant(strings), choice)
    joined = graph.custom("StringJoin", chosen, graph.constant(b""), graph.axis(0))
    ids, _ = graph.several(
        2,
        "GPT2Tokenizer",
        graph.op("Reshape", joined, graph.axis(1)),
        domain=CUSTOM,
        vocab=letters.vocabulary,
        merges=letters.merges,
        padding_length=-1,
    )
    ids = graph.op("Reshape", ids, graph.axis(-1))
    between = graph.constant(letters.separator_id, "int64")
    real = graph.op("Not", graph.op("Equal", ids, between))
    ids = graph.op("Compress", ids, real, axis=0)
    beyond = graph.op("Sub", ids, graph.constant(letters.separator_id + 1, "int64"))
    place = graph.op("Max", beyond, graph.constant(0, "int64"))
    meant = graph.op("GatherElements", graph.constant(values), place, axis=0)
    known = graph.op("Less", beyond, graph.constant(0, "int64"))
    return graph.op("Where", known, ids, meant)


def _bytes(graph: OnnxGraphWriter, codes: str) -> list[str]:
    """Return the bytes of UTF-8 of each code point, four int32 `(N,)`.

    A byte that is not there is `_NOTHING`; a mark, whose code is below 0, has one that
    means nothing.
    """
    codes = graph.op("Max", codes, 0)
    # From the last of four bytes to the first: six bits each.
    rest, tails = codes, []
    for _ in range(3):
        above = graph.op("Div", rest, 64)
        tail = graph.op("Sub", rest, graph.op("Mul", above, 64))
        tails.append(graph.op("Add", tail, 0x80))
        rest = above
    two, three, four = (
        graph.op("GreaterOrEqual", codes, least) for least in (0x80, 0x800, 0x10000)
    )
    head = codes
    for mask, divisor, lead in (
        (two, 64, 0xC0),
        (three, 4096, 0xE0),
        (four, 262144, 0xF0),
    ):
        written = graph.op("Add", graph.op("Div", codes, divisor), lead)
        head = graph.op("Where", mask, written, head)
    third, second, first = tails[2], tails[1], tails[0]
    return [
        head,
        graph.op("Where", four, third, _NOTHING),
        graph.op("Where", three, second, _NOTHING),
        graph.op("Where", two, first, _NOTHING),
    ]
