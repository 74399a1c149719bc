"""Texts to the words of byte-level BPE inside an ONNX graph."""

from kzoo.export.graph_tokenizers.byte_bpe_tables import (
    APOSTROPHE,
    BLOCK,
    LONG_ENDINGS,
    MARK,
    SHORT_ENDINGS,
    SPACE,
    character_classes,
    marked_tokens,
)
from kzoo.export.graph_tokenizers.onnx_characters import OnnxCharacters
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.tokenizers.byte_bpe_backend import takes_space

_BLANK = ord(" ")


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
        taking = [takes_space(tokenizer, token) for token in self.tokens]
        self._characters = OnnxCharacters(graph, self.tokens, taking)

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
        codes, marks = self._characters(text)
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
