"""WordPiece inside an ONNX graph, with the ids of the host."""

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.graph_vocabulary import (
    graph_vocabulary,
    limitations,
)
from kzoo.export.graph_tokenizers.normalisation_tables import (
    normalisation_tables,
)
from kzoo.export.graph_tokenizers.onnx_bytes import (
    nul_stand_in,
    text_bytes,
    without_nul,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_lookup import look_up
from kzoo.export.graph_tokenizers.onnx_rows import name_rows
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
    # One empty text more: on an empty batch onnxruntime-extensions would crash.
    text = graph.op("Concat", "text", graph.constant(b""), axis=0)
    if opset >= NUL_OPSET:
        stand_in = nul_stand_in(tokenizer, tables)
        text = without_nul(graph, text, stand_in)
        tokens = [token.replace("\0", stand_in) for token in vocabulary.tokens]
        vocabulary = vocabulary._replace(tokens=tokens)
    stream, row_ends = text_bytes(graph, text)
    words = OnnxWords(graph, tables, vocabulary).words(stream, row_ends)
    ids = look_up(graph, words, tokenizer, vocabulary)
    frame = tokenizer.cls_id, tokenizer.sep_id
    name_rows(graph, ids, frame, tokenizer.pad_id, max_length)
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
