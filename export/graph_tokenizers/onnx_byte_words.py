"""Texts to the words of byte-level BPE inside an ONNX graph."""

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import (
    APOSTROPHE,
    BLOCK,
    LONG_ENDINGS,
    MARK,
    SHORT_ENDINGS,
    SPACE,
    WHITE_SPACE,
    character_classes,
    marked_tokens,
)
from kzoo.export.graph_tokenizers.onnx_bytes import text_bytes
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_utf8 import decode_bytes
from kzoo.export.graph_tokenizers.special_patterns import special_patterns
from kzoo.tokenizers.byte_bpe_backend import takes_space

ROW_END = 1  # the mark of a text's end; those of special tokens follow
_BLANK = ord(" ")
_NO_CODE = -1  # at a mark: no character, and no part of a special token


class OnnxByteWords:
    """Splits texts into the words that the Rust splitter gives.

    `TensorFlowByteWords` says by which rule; the steps are the same here.

    Args:
        graph: Where nodes are added.
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
    """

    def __init__(self, graph: OnnxGraphWriter, tokenizer) -> None:
        self.graph = graph
        self.classes = character_classes()
        self.add_prefix_space = tokenizer.add_prefix_space
        self.tokens = marked_tokens(tokenizer)
        self.takes_space = np.array([takes_space(tokenizer, t) for t in self.tokens])

    def words(self, text: str) -> tuple[str, str, str]:
        """Add the nodes from texts to words.

        Args:
            text: string `(B,)`, not empty; the last text must not be empty.

        Returns:
            The names of code points, int32 `(N,)`; of marks, int32 `(N,)`: 0 for a
            character, `ROW_END` behind each text and `ROW_END + 1 + k` for the k-th
            of `tokens`; and of where words and marks begin, bool `(N,)`.
        """
        graph = self.graph
        codes, marks = self._decoded(text)
        if self.tokens:
            codes, marks = self._with_special_tokens(codes, marks)
        if self.add_prefix_space:
            codes, marks = self._with_prefix_spaces(codes, marks)
        known = graph.op("Max", codes, 0)
        block = graph.op("Div", known, BLOCK)
        offset = graph.op("Sub", known, graph.op("Mul", block, BLOCK))
        block = graph.gather(self.classes.index * BLOCK, block)
        table = self.classes.blocks.reshape(-1).astype("int32")
        classes = graph.gather(table, graph.op("Add", block, offset))
        classes = graph.op("Where", graph.op("Greater", marks, 0), MARK, classes)
        return codes, marks, self._starts(codes, classes)

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
        longest = patterns.units.shape[1]
        places = graph.places(self._is_one_of(codes, patterns.first_units))
        places = graph.op("Unsqueeze", places, graph.axis(1))  # (K, 1)
        inside = graph.constant(np.arange(longest, dtype="int64"))
        windows = graph.op("Add", places, inside)  # (K, longest)
        fill = graph.constant([_NO_CODE] * longest)
        units = graph.gather(graph.op("Concat", codes, fill, axis=0), windows)
        units = graph.op("Unsqueeze", units, graph.axis(1))  # (K, 1, longest)
        # Behind the end of a token anything goes; a mark is -1 in both.
        wild = graph.constant(patterns.units < 0)
        same = graph.op("Equal", units, graph.constant(patterns.units))
        same = graph.integers(graph.op("Or", same, wild))
        count = graph.op("ReduceSum", same, graph.axis(2), keepdims=0)
        matches = graph.integers(graph.op("Equal", count, longest))
        total = graph.op("ReduceSum", matches, graph.axis(1), keepdims=0)
        found = graph.op("Greater", total, 0)
        which = graph.op("ArgMax", matches, axis=1, keepdims=0)  # the longest one
        which = graph.op("Compress", which, found, axis=0)
        windows = graph.op("Compress", windows, found, axis=0)
        written = np.full(patterns.units.shape, -1, "int32")  # -1: inside a token
        written[:, 0] = np.arange(len(self.tokens)) + ROW_END + 1
        # Beyond the end of a shorter token its own first place is written again.
        reaches = np.where(patterns.units < 0, 0, np.arange(longest)).astype("int64")
        reaches = graph.gather(graph.constant(reaches), which)
        updates = graph.gather(graph.constant(written), which)  # (found, longest)
        updates = graph.op("GatherElements", updates, reaches, axis=1)
        windows = graph.op("GatherElements", windows, reaches, axis=1)
        flat = graph.axis(-1)
        marks = graph.op(
            "ScatterElements",
            marks,
            graph.op("Reshape", windows, flat),
            graph.op("Reshape", updates, flat),
            axis=0,
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

    def _with_prefix_spaces(self, codes: str, marks: str) -> tuple[str, str]:
        """Put a blank before each stretch between marks that begins with none."""
        graph = self.graph
        inner = graph.op("Equal", marks, 0)
        inner_before = graph.op("Equal", graph.shifted(graph.integers(inner), -1), 1)
        wanting = graph.op("And", inner, graph.op("Not", inner_before))
        blank = graph.op("Equal", codes, _BLANK)
        wanting = graph.op("And", wanting, graph.op("Not", blank))
        two = graph.axis(1)
        # (N, 2): the blank, or nothing, and what was there.
        kept = graph.op(
            "Concat",
            graph.op("Unsqueeze", wanting, two),
            graph.op("Unsqueeze", graph.op("GreaterOrEqual", marks, 0), two),
            axis=1,
        )
        kept = graph.op("Reshape", kept, graph.axis(-1))
        results = []
        for values, new in ((codes, _BLANK), (marks, 0)):
            column = graph.op("Unsqueeze", values, two)
            fill = graph.op("Expand", graph.constant([new]), graph.op("Shape", column))
            both = graph.op("Concat", fill, column, axis=1)
            both = graph.op("Reshape", both, graph.axis(-1))
            results.append(graph.op("Compress", both, kept, axis=0))
        return results[0], results[1]

    def _starts(self, codes: str, classes: str) -> str:
        """Return where words begin."""
        graph = self.graph
        # Shifting fills with 0, so that a mark is 0 here, and no code as well.
        kinds = graph.op("Sub", MARK, classes)
        codes = graph.op("Add", codes, 1)
        before, behind = graph.shifted(kinds, -1), graph.shifted(kinds, 1)
        space = graph.op("Equal", kinds, MARK - SPACE)
        first_space = graph.op("Not", graph.op("Equal", before, MARK - SPACE))
        ends_so = graph.op("Equal", behind, MARK - SPACE)
        ends_so = graph.op("Or", ends_so, graph.op("Equal", behind, 0))
        space_starts = graph.op("Or", first_space, graph.op("Not", ends_so))
        same = graph.op("Equal", kinds, before)
        led = graph.op("Equal", graph.shifted(codes, -1), _BLANK + 1)
        other_starts = graph.op("Not", graph.op("Or", same, led))
        mark = graph.op("Equal", kinds, 0)
        other_starts = graph.op("Or", other_starts, mark)
        starts = graph.op(
            "Or",
            graph.op("And", space, space_starts),
            graph.op("And", graph.op("Not", space), other_starts),
        )
        one, two = graph.shifted(codes, 1), graph.shifted(codes, 2)
        head = graph.op("And", starts, graph.op("Equal", codes, APOSTROPHE + 1))
        short, long = None, None
        for letter in SHORT_ENDINGS:
            short = self._or(short, graph.op("Equal", one, ord(letter) + 1))
        for first, second in LONG_ENDINGS:
            pair = graph.op(
                "And",
                graph.op("Equal", one, ord(first) + 1),
                graph.op("Equal", two, ord(second) + 1),
            )
            long = self._or(long, pair)
        short, long = graph.op("And", head, short), graph.op("And", head, long)
        inside = self._moved(graph.op("Or", short, long), 1)
        starts = graph.op("And", starts, graph.op("Not", inside))
        ends = graph.op("Or", self._moved(short, 2), self._moved(long, 3))
        return graph.op("Or", starts, ends)

    def _or(self, first: str | None, second: str) -> str:
        return second if first is None else self.graph.op("Or", first, second)

    def _moved(self, mask: str, by: int) -> str:
        """Return a mask moved to higher places."""
        moved = self.graph.shifted(self.graph.integers(mask), -by)
        return self.graph.op("Equal", moved, 1)

    def _is_one_of(self, codes: str, wanted: np.ndarray) -> str:
        column = self.graph.op("Unsqueeze", codes, self.graph.axis(1))
        same = self.graph.op("Equal", column, self.graph.constant(wanted))
        same = self.graph.integers(same)
        axes = self.graph.axis(1)
        found = self.graph.op("ReduceMax", same, axes, keepdims=0)
        return self.graph.op("Equal", found, 1)
