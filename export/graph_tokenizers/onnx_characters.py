"""Texts to marked code points inside an ONNX graph."""

from collections.abc import Sequence

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import WHITE_SPACE
from kzoo.export.graph_tokenizers.onnx_bytes import text_bytes
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_special_tokens import write_over_tokens
from kzoo.export.graph_tokenizers.onnx_utf8 import decode_bytes
from kzoo.export.graph_tokenizers.special_patterns import ROW_END, special_patterns

_NO_CODE = -1  # at a mark: no character, and no part of a special token
_INSIDE = -1  # the mark of what goes: a special token but for its beginning


class OnnxCharacters:
    """Takes texts apart into code points, and marks where special tokens are spelt out.

    Args:
        graph: Where nodes are added.
        tokens: The special tokens to find, the longer ones first.
        takes_space: For each, whether whitespace before it belongs to it; None for
            none.
    """

    def __init__(
        self,
        graph: OnnxGraphWriter,
        tokens: tuple[str, ...],
        takes_space: Sequence[bool] | None = None,
    ) -> None:
        self.graph = graph
        self.tokens = tokens
        self.takes_space = np.array(takes_space or [False] * len(tokens), bool)

    def __call__(self, text: str) -> tuple[str, str]:
        """Add the nodes from texts to code points.

        Args:
            text: string `(B,)`, not empty; the last text must not be empty.

        Returns:
            The names of code points, int32 `(N,)`, -1 at a mark; and of marks, int32
            `(N,)`: 0 for a character, `ROW_END` behind each text and `ROW_END + 1 + k`
            for the k-th of `tokens`.
        """
        codes, marks = self._decoded(text)
        if not self.tokens:
            return codes, marks
        return self._with_special_tokens(codes, marks)

    def _decoded(self, text: str) -> tuple[str, str]:
        """Return code points and marks of the ends.

        A text is cut at U+0000, which onnxruntime-extensions would end it at; the
        line feed that ends such a part becomes U+0000 again.
        """
        graph = self.graph
        parts, counts = graph.several(2, "StringSplit", text, delimiter="\0")
        shape = graph.op("Shape", parts)
        width = graph.op("Slice", shape, graph.axis(1), graph.axis(2))
        column = graph.count_up(width)
        counts = graph.op("Max", counts, graph.constant(1, "int64"))
        counts = graph.op("Unsqueeze", counts, graph.axis(1))
        flat = graph.axis(-1)
        real = graph.op("Reshape", graph.op("Less", column, counts), flat)
        last = graph.op("Sub", counts, graph.axis(1))
        last = graph.op("Reshape", graph.op("Equal", column, last), flat)
        parts = graph.op("Reshape", parts, flat)
        parts, last = (graph.op("Compress", x, real, axis=0) for x in (parts, last))
        stream, part_ends = text_bytes(graph, parts)
        decoded = decode_bytes(graph, stream)
        codes, part_ends = (
            graph.op("Compress", x, decoded.starts, axis=0)
            for x in (decoded.codes, part_ends)
        )
        part = graph.op("CumSum", graph.integers(part_ends), 0, exclusive=1)
        ends = graph.op("And", part_ends, graph.gather(last, part))
        codes = graph.op("Where", part_ends, 0, codes)
        codes = graph.op("Where", ends, _NO_CODE, codes)
        return codes, graph.integers(ends)

    def _with_special_tokens(self, codes: str, marks: str) -> tuple[str, str]:
        """Put one mark in the place of each special token that is spelt out."""
        graph = self.graph
        patterns = special_patterns(self.tokens, as_bytes=False)
        places = graph.places(self._is_one_of(codes, patterns.first_units))
        numbers = np.arange(len(self.tokens)) + ROW_END + 1
        marks = write_over_tokens(
            graph, marks, codes, places, patterns, first=numbers, rest=_INSIDE
        )
        kept = graph.op("GreaterOrEqual", marks, 0)
        if self.takes_space.any():
            taken = self._taken(codes, marks)
            kept = graph.op("And", kept, graph.op("Not", taken))
        codes = graph.op("Where", graph.op("Greater", marks, 0), _NO_CODE, codes)
        codes, marks = (graph.op("Compress", x, kept, axis=0) for x in (codes, marks))
        return codes, marks

    def _taken(self, codes: str, marks: str) -> str:
        """Return where whitespace belongs to a special token behind it."""
        graph = self.graph
        white = graph.op(
            "And", self._is_one_of(codes, WHITE_SPACE), graph.op("Equal", marks, 0)
        )
        # A run of whitespace, and what stands behind it, have one count before them.
        count = graph.op("CumSum", graph.integers(graph.op("Not", white)), 0)
        takes = np.concatenate([np.zeros(ROW_END + 1, bool), self.takes_space])
        taking = graph.gather(takes.astype("int32"), graph.op("Max", marks, 0))
        taking = graph.op("Equal", taking, 1)
        runs = graph.op("Sub", graph.op("Compress", count, taking, axis=0), 1)
        size = graph.op("Add", graph.length(codes), graph.axis(1))
        nothing = graph.integers(graph.op("ConstantOfShape", size))
        ones = graph.op("Expand", graph.constant([1]), graph.op("Shape", runs))
        taken = graph.op("ScatterElements", nothing, runs, ones, axis=0)
        taken = graph.op("Equal", graph.gather(taken, count), 1)
        return graph.op("And", white, taken)

    def _is_one_of(self, codes: str, wanted: np.ndarray) -> str:
        column = self.graph.op("Unsqueeze", codes, self.graph.axis(1))
        same = self.graph.op("Equal", column, self.graph.constant(wanted))
        same = self.graph.integers(same)
        axes = self.graph.axis(1)
        found = self.graph.op("ReduceMax", same, axes, keepdims=0)
        return self.graph.op("Equal", found, 1)
