"""Texts to normalised words inside an ONNX graph."""

import numpy as np

from kzoo.export.graph_tokenizers.graph_vocabulary import GraphVocabulary
from kzoo.export.graph_tokenizers.normalisation_tables import (
    BLOCK,
    FIRST_SEQUENCE,
    ISOLATE,
    KEEP,
    SPACE,
    NormalisationTables,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter
from kzoo.export.graph_tokenizers.onnx_marks import put_marks_in_order
from kzoo.export.graph_tokenizers.onnx_special_tokens import write_over_tokens
from kzoo.export.graph_tokenizers.onnx_utf8 import decode_bytes
from kzoo.export.graph_tokenizers.special_patterns import special_patterns

# Places in the table of strings. A byte is there plain, with a space before it,
# behind it, and both: what begins and ends a character that is a word of its own.
SPACE_BEFORE = 256
SPACE_BEHIND = 512
NOTHING = 1024


class OnnxWords:
    """Splits texts into the words that the Rust normalizer and splitter would give.

    All texts become one stream of bytes. Each byte chooses a string that takes its
    place: itself, nothing, or, for the first byte of a character, what the character
    becomes. Joined they are one string, which is split at its spaces.

    Args:
        graph: Where nodes are added.
        tables: What each code point becomes.
        vocabulary: The markers of ends and of special tokens.
    """

    def __init__(
        self,
        graph: OnnxGraphWriter,
        tables: NormalisationTables,
        vocabulary: GraphVocabulary,
    ) -> None:
        self.graph = graph
        self.tables = tables
        self.vocabulary = vocabulary
        byte = [bytes([value]) for value in range(256)]
        self.strings = [
            *byte,
            *(b" " + b for b in byte),
            *(b + b" " for b in byte),
            *(b" " + b + b" " for b in byte),
            b"",
        ]
        self._place = {string: place for place, string in enumerate(self.strings)}
        self.row_end = self.place(f" {vocabulary.row_end} ")
        self.special = [self.place(f" {m} ") for m in vocabulary.special_markers]
        becomes = np.full(FIRST_SEQUENCE + len(tables.sequences), NOTHING, "int32")
        becomes[SPACE] = self.place(" ")
        for number, sequence in enumerate(tables.sequences, FIRST_SEQUENCE):
            becomes[number] = self.place("".join(map(chr, sequence.base)))
        self.becomes = becomes
        self.mark_places = {
            code: self.place(chr(code)) for s in tables.sequences for code, _ in s.marks
        }

    def place(self, text: str) -> int:
        """Return the place of a string in the table, which is made if need be."""
        string = text.encode("utf-8")
        if string not in self._place:
            self._place[string] = len(self.strings)
            self.strings.append(string)
        return self._place[string]

    def words(self, stream: str, row_ends: str) -> str:
        """Add the nodes from a stream of bytes to words.

        Args:
            stream: int32 `(N,)`, the bytes of all texts, a line feed behind each.
            row_ends: bool `(N,)`, whether a byte is that line feed.

        Returns:
            The name of a string `(words,)`, `row_end` behind the words of each text.
        """
        graph = self.graph
        decoded = decode_bytes(graph, stream)
        block = graph.op("Div", decoded.codes, BLOCK)
        offset = graph.op("Sub", decoded.codes, graph.op("Mul", block, BLOCK))
        block = graph.gather(self.tables.index * BLOCK, block)
        first = graph.gather(
            self.tables.blocks.reshape(-1), graph.op("Add", block, offset)
        )
        # The bytes inside a character are of its class too.
        classes = first
        for mask, by in (
            (decoded.second, -1),
            (decoded.third, -2),
            (decoded.fourth, -3),
        ):
            classes = graph.op("Where", mask, graph.shifted(first, by), classes)
        choice = self._choose(stream, classes, decoded)
        if self.tables.has_marks:
            choice = put_marks_in_order(
                graph, self.tables, self.mark_places, choice, classes, decoded.starts
            )
        choice = graph.op("Where", row_ends, self.row_end, choice)
        choice = self._with_special_tokens(stream, choice)
        something = graph.op("Not", graph.op("Equal", choice, NOTHING))
        choice = graph.op("Compress", choice, something, axis=0)
        chosen = graph.gather(graph.constant(self.strings), choice)
        zero = graph.axis(0)
        joined = graph.custom("StringJoin", chosen, graph.constant(b""), zero)
        skip_empty = graph.constant([True], "bool")
        _, words, _ = graph.several(
            3, "StringSplit", joined, graph.constant(b" "), skip_empty, domain=CUSTOM
        )
        return words

    def _choose(self, stream, classes, decoded):
        """Return the place of each byte's string, int32 `(N,)`."""
        graph = self.graph
        isolated = graph.op("Equal", classes, ISOLATE)
        kept = graph.op("Or", graph.op("Equal", classes, KEEP), isolated)
        before = graph.op("And", isolated, decoded.starts)
        behind = graph.op("And", isolated, decoded.ends)
        same = graph.op(
            "Add",
            graph.op("Where", before, SPACE_BEFORE, 0),
            graph.op("Where", behind, SPACE_BEHIND, 0),
        )
        same = graph.op("Add", stream, same)
        other = graph.op(
            "Where", decoded.starts, graph.gather(self.becomes, classes), NOTHING
        )
        return graph.op("Where", kept, same, other)

    def _with_special_tokens(self, stream, choice):
        """Give the first byte of each special token its marker, the others nothing."""
        graph = self.graph
        patterns = special_patterns(self.vocabulary.special_tokens, as_bytes=True)
        begins = np.zeros(256, "int32")
        begins[patterns.first_units] = 1
        places = graph.places(graph.op("Equal", graph.gather(begins, stream), 1))
        return write_over_tokens(
            graph, choice, stream, places, patterns, first=self.special, rest=NOTHING
        )
