"""Bytes to code points inside an ONNX graph, as Python's decoder does it."""

from typing import NamedTuple

import numpy as np

from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter


class DecodedBytes(NamedTuple):
    """What each byte of a stream is part of; names of tensors, all `(N,)`.

    Args:
        starts: bool, whether a character begins here.
        ends: bool, whether a character ends here.
        codes: int32, the code point that begins here; U+FFFD for each maximal part
            of an ill-formed sequence. Means nothing where none begins.
        second, third, fourth: bool, whether this is that byte of a character.
    """

    starts: str
    ends: str
    codes: str
    second: str
    third: str
    fourth: str


def decode_bytes(graph: OnnxGraphWriter, values: str) -> DecodedBytes:
    """Add the nodes that decode a stream of bytes.

    A byte above 0xC1 begins a sequence and says how many bytes it should have; the
    second byte must lie in a range that depends on the first one. So which bytes
    belong together follows from each byte and the three after it.

    Args:
        graph: Where to add them.
        values: int32 `(N,)`, the bytes.

    Returns:
        The names of the results.
    """
    tables = _tables()
    after = [graph.shifted(values, by) for by in (1, 2, 3)]
    low, high = (graph.gather(tables[name], values) for name in ("low", "high"))
    two = graph.op(
        "And",
        graph.op("GreaterOrEqual", after[0], low),
        graph.op("LessOrEqual", after[0], high),
    )
    size = graph.gather(tables["size"], values)
    trailing = graph.gather(tables["trailing"], values)
    three = _longer(graph, two, size, 3, graph.shifted(trailing, 2))
    four = _longer(graph, three, size, 4, graph.shifted(trailing, 3))
    there = graph.op("Add", graph.integers(two), graph.integers(three))
    there = graph.op("Add", there, graph.integers(four))
    whole = graph.op("Equal", graph.op("Add", there, 1), size)
    codes = graph.gather(tables["first"], values)
    for name, byte in zip(("factor1", "factor2", "factor3"), after, strict=True):
        factor = graph.gather(tables[name], values)
        codes = graph.op("Add", codes, graph.op("Mul", factor, byte))
    codes = graph.op("Where", whole, codes, REPLACEMENT)
    second, third, fourth = (
        graph.op("Equal", graph.shifted(graph.integers(mask), -by), 1)
        for by, mask in ((1, two), (2, three), (3, four))
    )
    inner = graph.op("Or", graph.op("Or", second, third), fourth)
    ends = graph.op("Equal", graph.shifted(graph.integers(inner), 1), 0)
    return DecodedBytes(graph.op("Not", inner), ends, codes, second, third, fourth)


# What `replaced_bytes` gives besides bytes: U+FFFD, and nothing.
REPLACED, NOTHING = 256, 257


def character_codes(graph: OnnxGraphWriter, decoded: DecodedBytes) -> str:
    """Return the code point that each byte is part of, int32 `(N,)`."""
    codes = decoded.codes
    for mask, by in (
        (decoded.second, -1),
        (decoded.third, -2),
        (decoded.fourth, -3),
    ):
        codes = graph.op("Where", mask, graph.shifted(decoded.codes, by), codes)
    return codes


def replaced_bytes(
    graph: OnnxGraphWriter,
    values: str,
    decoded: DecodedBytes,
    each_byte: bool = False,
) -> str:
    """Return what takes the place of each byte, so that all together are UTF-8.

    Args:
        graph: Where to add nodes.
        values: int32 `(N,)`, the bytes.
        decoded: What they are part of.
        each_byte: Whether each byte of an ill-formed part becomes U+FFFD, as in
            SentencePiece; else the part becomes one.

    Returns:
        The name of an int32 `(N,)`: the byte, `REPLACED` or `NOTHING`.
    """
    bad = graph.op("Equal", character_codes(graph, decoded), REPLACEMENT)
    if not each_byte:
        instead = graph.op("Where", decoded.starts, REPLACED, NOTHING)
        return graph.op("Where", bad, instead, values)
    spelt = [
        graph.op("Equal", graph.shifted(values, by) if by else values, byte)
        for by, byte in enumerate(chr(REPLACEMENT).encode())
    ]
    first = graph.op("And", graph.op("And", spelt[0], spelt[1]), spelt[2])
    first = graph.integers(first)
    real = graph.op("Add", first, graph.shifted(first, -1))
    real = graph.op("Add", real, graph.shifted(first, -2))
    bad = graph.op("And", bad, graph.op("Equal", real, 0))
    return graph.op("Where", bad, REPLACED, values)


def _longer(graph, shorter, size, wanted, trailing):
    """Return where a sequence of `wanted` bytes or more has that many."""
    enough = graph.op("GreaterOrEqual", size, wanted)
    more = graph.op("And", enough, graph.op("Equal", trailing, 1))
    return graph.op("And", shorter, more)


def _tables() -> dict[str, np.ndarray]:
    """Return what a first byte says, each int32 `(256,)`.

    A code point is `first + factor1 * b1 + factor2 * b2 + factor3 * b3`.
    """
    byte = np.arange(256, dtype="int32")
    size = np.select([byte < 0x80, byte < 0xC2, byte < 0xE0, byte < 0xF0, byte < 0xF5],
                     [1, 0, 2, 3, 4], 0)  # fmt: skip
    factors = np.select(
        [size[:, None] == 2, size[:, None] == 3, size[:, None] == 4],
        [[64, 1, 0, 0], [4096, 64, 1, 0], [262144, 4096, 64, 1]],
        [1, 0, 0, 0],
    )
    lead = np.select([size == 2, size == 3, size == 4], [0xC0, 0xE0, 0xF0], 0)
    first = factors[:, 0] * (byte - lead) - 0x80 * factors[:, 1:].sum(1)
    low = np.where(size > 1, 0x80, 256)
    low[0xE0], low[0xF0] = 0xA0, 0x90
    high = np.full(256, 0xBF)
    high[0xED], high[0xF4] = 0x9F, 0x8F
    tables = {
        "size": size,
        "first": first,
        "factor1": factors[:, 1],
        "factor2": factors[:, 2],
        "factor3": factors[:, 3],
        "low": low,
        "high": high,
        "trailing": (byte >= 0x80) & (byte < 0xC0),
    }
    return {name: table.astype("int32") for name, table in tables.items()}
