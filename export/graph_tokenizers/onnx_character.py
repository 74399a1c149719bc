"""Characters to ids inside an ONNX graph, as on the host."""

from kzoo.export.graph_tokenizers.character_tables import LEFT_OUT, character_tables
from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    LEAST_OPSET,
    check_opset,
    encoder_model,
)
from kzoo.export.graph_tokenizers.onnx_characters import OnnxCharacters
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_rows import name_rows
from kzoo.export.graph_tokenizers.special_patterns import ROW_END
from kzoo.export.graph_tokenizers.tensorflow_character import check_length


def onnx_character(
    tokenizer,
    max_length: int | None,
    *,
    opset: int = LEAST_OPSET,
    ir_version: int = 9,
    prefix: str = "characters/",
):
    """Return an ONNX model that turns texts into ids as the host tokenizer does.

    Input `text`, string `(batch,)`; outputs `input_ids` and `attention_mask`, int64
    `(batch, sequence)`, as long as the longest row. Some operators are those of
    onnxruntime-extensions. The way back is `onnx_byte_bpe_decoder`.

    Args:
        tokenizer: A `kzoo.tokenizers.CharacterTokenizer`.
        max_length: The most ids of a row; None for all.
        opset: The version of ONNX's own operators, 20 or more; that of the model it
            is merged with.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: `max_length` is below 1, or an `opset` that is too low.
    """
    check_length(max_length)
    check_opset(opset)
    tables = character_tables(tokenizer)
    graph = OnnxGraphWriter(prefix)
    # One text more: on an empty batch onnxruntime-extensions would crash.
    text = graph.op("Concat", "text", graph.constant(b"x"), axis=0)
    codes, marks = OnnxCharacters(graph, tables.tokens)(text)
    known = graph.op("Min", graph.op("Max", codes, 0), len(tables.ids) - 1)
    values = graph.op("Max", graph.op("Sub", marks, ROW_END), 0)
    ids = graph.op(
        "Where",
        graph.op("Greater", marks, 0),
        graph.gather(tables.values, values),
        graph.gather(tables.ids, known),
    )
    there = graph.op("Not", graph.op("Equal", ids, LEFT_OUT))
    ids = graph.long(graph.op("Compress", ids, there, axis=0))
    name_rows(graph, ids, None, tokenizer.pad_id, max_length)
    return encoder_model(graph, opset, ir_version)
