"""WordPiece inside an ONNX graph, with the ids of the host."""

import json

import numpy as np

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.graph_vocabulary import (
    GraphVocabulary,
    graph_vocabulary,
    limitations,
)
from kzoo.export.graph_tokenizers.normalisation_tables import (
    KEEP,
    NormalisationTables,
    normalisation_tables,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_words import OnnxWords

# The first version with StringSplit, which alone lets a text with NUL through.
NUL_OPSET = 20
NUL_LIMITATION = (
    "a text with U+0000 ends there: ONNX below opset 20 has no operator that gets "
    "past it (and onnxruntime-extensions cuts strings at it)"
)


def onnx_wordpiece(
    tokenizer,
    max_length: int,
    *,
    opset: int = NUL_OPSET,
    ir_version: int = 9,
    prefix: str = "wordpiece/",
):
    """Return an ONNX model that turns texts into ids as the host tokenizer does.

    Input `text`, string `(batch,)`; outputs `input_ids` and `attention_mask`, int64
    `(batch, sequence)`, as long as the longest row. Some operators are those of
    onnxruntime-extensions: a session registers
    `onnxruntime_extensions.get_library_path()`.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        max_length: The most ids of a row, `[CLS]` and `[SEP]` included.
        opset: The version of ONNX's own operators; that of the model it is merged
            with. Below 20 a text ends at its first U+0000.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: `max_length` leaves no room for the special tokens.
    """
    from onnx import TensorProto, helper

    if max_length < 2:
        raise InputError(
            "max_length leaves room for [CLS] and [SEP].",
            f"max_length={max_length}",
            "Pass 2 or more.",
        )
    tables = normalisation_tables(tokenizer)
    vocabulary = graph_vocabulary(tokenizer, tables)
    graph = OnnxGraphWriter(prefix)
    text = "text"
    if opset >= NUL_OPSET:
        text = _without_nul(graph, text, tokenizer, tables)
    stream, row_ends = _bytes(graph, text)
    words = OnnxWords(graph, tables, vocabulary).words(stream, row_ends)
    ids = _look_up(graph, words, tokenizer, vocabulary)
    _frame(graph, ids, tokenizer, max_length)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    made = helper.make_graph(
        graph.nodes,
        f"{prefix}graph",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        outputs,
        graph.constants,
    )
    versions = {"": opset, "ai.onnx.ml": 2, CUSTOM: 1}
    return helper.make_model(
        made,
        opset_imports=[helper.make_opsetid(*item) for item in versions.items()],
        ir_version=ir_version,
        producer_name="kzoo",
    )


def onnx_limitations(tokenizer, opset: int = NUL_OPSET) -> tuple[str, ...]:
    """Return for which texts `onnx_wordpiece` cannot give the host's ids.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        opset: As for `onnx_wordpiece`.

    Returns:
        Sentences; empty for every tokenizer of the BERT family at opset 20.
    """
    nul = () if opset >= NUL_OPSET else (NUL_LIMITATION,)
    return nul + limitations(tokenizer)


def _without_nul(graph, text, tokenizer, tables: NormalisationTables) -> str:
    """Put another character where U+0000 stands, one that fares the same."""
    graph_class = tables.class_of(0)
    used = set("".join(tokenizer.vocabulary)) if graph_class == KEEP else set()
    stand_in = next(
        chr(code)
        for code in (*range(1, 9), *range(0xFDD0, 0xFDF0))
        if tables.class_of(code) == graph_class and chr(code) not in used
    )
    # (B, P) parts, the rows filled up; only between two real parts stands a NUL.
    parts, counts = graph.op("StringSplit", text, delimiter="\0", outputs=2)
    width = graph.op("Slice", graph.op("Shape", parts), graph.axis(1), graph.axis(2))
    column = graph.count_up(width)
    inner = graph.op("Greater", column, graph.constant(0, "int64"))
    real = graph.op("Less", column, graph.op("Unsqueeze", counts, graph.axis(1)))
    between = graph.op("Where", graph.op("And", inner, real),
                       graph.constant(stand_in.encode()), graph.constant(b""))  # fmt: skip
    parts = graph.custom("StringConcat", between, parts)
    return graph.custom("StringJoin", parts, graph.constant(b""), graph.axis(1))


def _bytes(graph: OnnxGraphWriter, text: str) -> tuple[str, str]:
    """Return the bytes of all texts in one stream, and where each text ends."""
    shape = graph.op("Shape", text)
    line_feeds = graph.op("Expand", graph.constant(b"\n"), shape)
    lines = graph.custom("StringConcat", text, line_feeds)
    keep_empty = graph.constant([False], "bool")
    places, strings, _ = graph.custom(
        "StringSplit", lines, graph.constant(b""), keep_empty, outputs=3
    )
    stream = graph.integers(
        graph.op(
            "LabelEncoder",
            strings,
            domain="ai.onnx.ml",
            keys_strings=[bytes([value]) for value in range(1, 256)],
            values_int64s=list(range(1, 256)),
            default_int64=0,
        )
    )
    rows = graph.op("Gather", places, graph.constant(0, "int64"), axis=1)
    rows = graph.integers(rows)
    following = graph.op("Slice", rows, graph.axis(1), graph.axis(2**62), graph.axis(0))
    following = graph.op("Concat", following, graph.constant([-1]), axis=0)
    return stream, graph.op("Not", graph.op("Equal", rows, following))


def _look_up(graph, words: str, tokenizer, vocabulary: GraphVocabulary) -> str:
    """Return the ids of all words, int64, -1 behind those of each text."""
    found = [token for token in vocabulary.tokens if token != vocabulary.unknown]
    pieces, first, _, _ = graph.custom(
        "WordpieceTokenizer",
        words,
        graph.constant(np.zeros(0, "int64")),
        outputs=4,
        vocab=json.dumps(dict.fromkeys(found, 0), ensure_ascii=False),
        suffix_indicator=tokenizer.continuing_prefix,
        unknown_token=vocabulary.unknown,
        max_input_chars_per_word=tokenizer.max_characters_per_word,
    )
    bad = len(vocabulary.tokens)
    ids = graph.op(
        "LabelEncoder",
        pieces,
        domain="ai.onnx.ml",
        keys_strings=found,
        values_int64s=[
            int(index)
            for token, index in zip(vocabulary.tokens, vocabulary.ids, strict=True)
            if token != vocabulary.unknown
        ],
        default_int64=bad,
    )
    # The operator gives the pieces that it found before it gave a word up, then the
    # unknown token. Of a word that ends so, that one alone is kept.
    is_bad = graph.op("Equal", ids, graph.constant(bad, "int64"))
    one, end = graph.axis(1), graph.axis(2**62)
    begins = graph.op("Slice", first, graph.axis(0), graph.axis(-1), graph.axis(0))
    last = graph.op("Sub", graph.op("Slice", first, one, end, graph.axis(0)), one)
    marks = graph.op("ConstantOfShape", graph.length(ids))
    marks = graph.op("ScatterElements", graph.integers(marks), begins,
                     graph.op("Expand", graph.constant([1]), graph.op("Shape", begins)),
                     axis=0)  # fmt: skip
    word = graph.op("Sub", graph.op("CumSum", marks, 0), 1)
    given_up = graph.gather(graph.gather(is_bad, last), word)
    keep = graph.op("Or", graph.op("Not", given_up), is_bad)
    unknown = graph.constant(tokenizer.unknown_id, "int64")
    ids = graph.op("Where", is_bad, unknown, ids)
    return graph.op("Compress", ids, keep, axis=0)


def _frame(graph: OnnxGraphWriter, ids: str, tokenizer, max_length: int) -> None:
    """Cut, frame and pad the rows, and name the outputs."""
    zero, one = graph.axis(0), graph.axis(1)
    minus = graph.constant(-1, "int64")
    is_end = graph.op("Equal", ids, minus)
    ends = graph.places(is_end)  # (B,)
    rows = graph.length(ends)
    past = graph.op("Add", ends, one)
    begins = graph.op("Concat", zero, past, axis=0)
    begins = graph.op("Slice", begins, zero, rows, zero)
    lengths = graph.op("Sub", ends, begins)
    lengths = graph.op("Min", lengths, graph.constant([max_length - 2], "int64"))
    row = graph.op("CumSum", graph.long(is_end), 0, exclusive=1)
    place = graph.op(
        "Sub", graph.count_up(graph.length(ids)), graph.gather(begins, row)
    )
    inside = graph.op("Less", place, graph.gather(lengths, row))
    real = graph.op("And", inside, graph.op("Not", is_end))
    longest = graph.op("ReduceMax", graph.op("Concat", lengths, zero, axis=0))
    width = graph.op("Add", graph.op("Reshape", longest, one), graph.axis(2))
    shape = graph.op("Concat", rows, width, axis=0)
    every_row = graph.count_up(rows)
    index = [
        _pairs(graph, graph.op("Compress", row, real, axis=0),
               graph.op("Add", graph.op("Compress", place, real, axis=0), one)),
        _pairs(graph, every_row, graph.op("Sub", every_row, every_row)),
        _pairs(graph, every_row, graph.op("Add", lengths, one)),
    ]  # fmt: skip
    values = [
        graph.op("Compress", ids, real, axis=0),
        graph.op("Expand", graph.axis(tokenizer.cls_id), rows),
        graph.op("Expand", graph.axis(tokenizer.sep_id), rows),
    ]
    padding = graph.op("Expand", graph.axis(tokenizer.pad_id), shape)
    graph.name_output(
        graph.op(
            "ScatterND",
            padding,
            graph.op("Concat", *index, axis=0),
            graph.op("Concat", *values, axis=0),
        ),
        "input_ids",
    )
    limit = graph.op("Unsqueeze", graph.op("Add", lengths, graph.axis(2)), one)
    mask = graph.op("Less", graph.count_up(width), limit)
    graph.name_output(graph.long(mask), "attention_mask")


def _pairs(graph: OnnxGraphWriter, rows: str, columns: str) -> str:
    """Return index pairs, int64 `(K, 2)`."""
    both = [graph.op("Unsqueeze", part, graph.axis(1)) for part in (rows, columns)]
    return graph.op("Concat", *both, axis=1)
