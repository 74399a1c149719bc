"""Finding special tokens that are spelt out, inside an ONNX graph."""

import numpy as np

from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
from kzoo.export.graph_tokenizers.special_patterns import SpecialPatterns


def write_over_tokens(
    graph: OnnxGraphWriter,
    target: str,
    units: str,
    places: str,
    patterns: SpecialPatterns,
    first: np.ndarray,
    rest: int,
) -> str:
    """Write something in the place of tokens; where several begin, of the longest.

    Args:
        graph: Where to add nodes.
        target: int32 `(N,)`, what is written over.
        units: int32 `(N,)`, bytes or code points; -1 where nothing is one.
        places: int64 `(K,)`, where `units` is the first unit of a token.
        patterns: The tokens.
        first: int32 `(tokens,)`, what takes the place of each token's first unit.
        rest: What takes the place of its others.

    Returns:
        The name of the result, int32 `(N,)`.
    """
    longest = patterns.units.shape[1]
    places = graph.op("Unsqueeze", places, graph.axis(1))  # (K, 1)
    inside = graph.constant(np.arange(longest, dtype="int64"))
    windows = graph.op("Add", places, inside)  # (K, longest)
    fill = graph.constant([-1] * longest)
    found = graph.gather(graph.op("Concat", units, fill, axis=0), windows)
    found = graph.op("Unsqueeze", found, graph.axis(1))  # (K, 1, longest)
    # Behind the end of a token anything goes.
    wild = graph.constant(patterns.units < 0)
    same = graph.op("Equal", found, graph.constant(patterns.units))
    same = graph.integers(graph.op("Or", same, wild))
    # (K, tokens): as many units are the same as there are, or not.
    count = graph.op("ReduceSum", same, graph.axis(2), keepdims=0)
    matches = graph.integers(graph.op("Equal", count, longest))
    total = graph.op("ReduceSum", matches, graph.axis(1), keepdims=0)
    some = graph.op("Greater", total, 0)
    which = graph.op("ArgMax", matches, axis=1, keepdims=0)  # the longest one
    which = graph.op("Compress", which, some, axis=0)
    windows = graph.op("Compress", windows, some, axis=0)
    written = np.full(patterns.units.shape, rest, "int32")
    written[:, 0] = first
    updates = graph.gather(graph.constant(written), which)  # (found, longest)
    # Beyond the end of a shorter token nothing is written: its own first place is
    # written again instead, with the same value.
    reaches = np.where(patterns.units < 0, 0, np.arange(longest)).astype("int64")
    reaches = graph.gather(graph.constant(reaches), which)
    flat = graph.axis(-1)
    index, values = (
        graph.op("Reshape", graph.op("GatherElements", x, reaches, axis=1), flat)
        for x in (windows, updates)
    )
    return graph.op("ScatterElements", target, index, values, axis=0)
