"""Combining marks into canonical order inside an ONNX graph."""

import numpy as np

from kzoo.export.graph_tokenizers.normalisation_tables import (
    FIRST_SEQUENCE,
    NormalisationTables,
)
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter


def put_marks_in_order(
    graph: OnnxGraphWriter,
    tables: NormalisationTables,
    mark_places: dict[int, int],
    choice: str,
    classes: str,
    starts: str,
) -> str:
    """Add the nodes that write the marks, neighbours sorted by rank as NFD does.

    Marks that survive the stripping of accents are rare; all of this works on the
    places where there are any. A character has as many bytes as it becomes marks, or
    more, so each mark has a byte of its own to be written at.

    Args:
        graph: Where to add them.
        tables: What each code point becomes.
        mark_places: The place of each mark's string in the table of strings.
        choice: int32 `(N,)`, the place of each byte's string so far.
        classes: int32 `(N,)`, the class of the character a byte belongs to.
        starts: bool `(N,)`, whether a character begins at a byte.

    Returns:
        The name of the new choice, int32 `(N,)`.
    """
    marked = tables.sequences[tables.first_mark - FIRST_SEQUENCE :]
    slots = max(len(s.marks) + bool(s.base) for s in marked)
    strings = np.zeros((len(marked), slots), "int32")
    ranks = np.zeros((len(marked), slots), "int32")
    for row, sequence in enumerate(marked):
        for slot, (code, rank) in enumerate(sequence.marks, bool(sequence.base)):
            strings[row, slot] = mark_places[code]
            ranks[row, slot] = rank
    has_marks = graph.op("GreaterOrEqual", classes, tables.first_mark)
    places = graph.places(graph.op("And", has_marks, starts))  # (K,)
    kinds = graph.op("Sub", graph.gather(classes, places), tables.first_mark)
    slot_ranks = graph.gather(ranks, kinds)  # (K, slots)
    slot_strings = graph.gather(strings, kinds)
    bars = graph.op("And", graph.gather(tables.starters, classes), starts)
    runs = graph.op("CumSum", graph.integers(bars), 0)
    slot_runs = graph.op("Unsqueeze", graph.gather(runs, places), graph.axis(1))
    slot_places = graph.op(
        "Add",
        graph.op("Unsqueeze", places, graph.axis(1)),
        graph.constant(np.arange(slots, dtype="int64")),
    )
    keys = graph.op("Add", graph.op("Mul", slot_runs, 256), slot_ranks)
    used = graph.op("Reshape", graph.op("Greater", slot_ranks, 0), graph.axis(-1))
    keys, strings_, targets = (
        graph.op("Compress", graph.op("Reshape", slot, graph.axis(-1)), used, axis=0)
        for slot in (keys, slot_strings, slot_places)
    )
    # Equal keys keep their order: TopK sorts, and takes the lower place first.
    _, order = graph.several(2, "TopK", keys, graph.length(keys), axis=0, largest=0)
    return graph.op(
        "ScatterElements", choice, targets, graph.gather(strings_, order), axis=0
    )
