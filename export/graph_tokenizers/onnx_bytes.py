"""Texts to one stream of bytes inside an ONNX graph."""

from kzoo.export.graph_tokenizers.normalisation_tables import NormalisationTables
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter


def nul_stand_in(tokenizer, tables: NormalisationTables) -> str:
    """Return a character that fares as U+0000 does and is in no token.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        tables: Its normalisation tables.

    Returns:
        The character.
    """
    used = set("".join(tokenizer.vocabulary))
    return next(
        chr(code)
        for code in (*range(1, 9), *range(0xFDD0, 0xFDF0), *range(0xE000, 0xF900))
        if tables.class_of(code) == tables.class_of(0) and chr(code) not in used
    )


def without_nul(graph: OnnxGraphWriter, text: str, stand_in: str) -> str:
    """Put another character where U+0000 stands.

    Args:
        graph: Where to add nodes.
        text: string `(B,)`.
        stand_in: The character.

    Returns:
        The name of a string `(B,)`.
    """
    # (B, P) parts, the rows filled up; only between two real parts stands a NUL.
    parts, counts = graph.several(2, "StringSplit", text, delimiter="\0")
    width = graph.op("Slice", graph.op("Shape", parts), graph.axis(1), graph.axis(2))
    column = graph.count_up(width)
    inner = graph.op("Greater", column, graph.constant(0, "int64"))
    real = graph.op("Less", column, graph.op("Unsqueeze", counts, graph.axis(1)))
    nul, empty = graph.constant(stand_in.encode()), graph.constant(b"")
    between = graph.op("Where", graph.op("And", inner, real), nul, empty)
    parts = graph.custom("StringConcat", between, parts)
    return graph.custom("StringJoin", parts, empty, graph.axis(1))


def text_bytes(graph: OnnxGraphWriter, text: str) -> tuple[str, str]:
    """Return the bytes of all texts in one stream, a line feed behind each text.

    Args:
        graph: Where to add nodes.
        text: string `(B,)`.

    Returns:
        The names of the bytes, int32 `(N,)`, and of a bool `(N,)` that tells the line
        feeds behind the texts from those inside.
    """
    shape = graph.op("Shape", text)
    line_feeds = graph.op("Expand", graph.constant(b"\n"), shape)
    lines = graph.custom("StringConcat", text, line_feeds)
    keep_empty = graph.constant([False], "bool")
    places, strings, _ = graph.several(
        3, "StringSplit", lines, graph.constant(b""), keep_empty, domain=CUSTOM
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
