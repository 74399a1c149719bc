"""Caches that stay in the order in which ONNX Runtime multiplies them.

A cache's columns come before its heads in kzoo's layers, and behind them in ONNX
Runtime's products and in Optimum's interface. Turned at each step, all of a cache would
be copied several times for each token.
"""

_SWAPPED = [0, 2, 1, 3]
_TURNED, _LAST_TWO = [0, 2, 3, 1], [0, 1, 3, 2]


def keep_heads_first(graph) -> None:
    """Let caches grow in the order (B, N, S, H), in a graph and those inside it.

    What is turned to (B, S, N, H), grows there and is turned back, grows as it is.
    Caches that are used in other ways stay as they are.

    Args:
        graph: An `onnx.GraphProto`, changed in place.
    """
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                keep_heads_first(attribute.g)
    for name in [x.output[0] for x in graph.node if x.op_type == "Concat"]:
        # Looked up each time: a change makes all nodes anew.
        made = {name: node for node in graph.node for name in node.output}
        concat = made[name]
        swap = made.get(concat.input[0])
        pair = len(concat.input) == 2 and _integer(concat, "axis") == 1
        if pair and _order(swap) == _SWAPPED:
            _grow_in_place(graph, concat, swap)


def _grow_in_place(graph, concat, swap):
    from onnx import helper

    readers = _readers(graph, concat.output[0])
    others = [node for node in _readers(graph, swap.output[0]) if node is not concat]
    ways = {_way(node) for node in readers} | {_way(node) for node in others}
    if None in ways or "turned" in {_way(node) for node in others}:
        return
    names = {value.name for value in graph.output}
    if names & {concat.output[0], swap.output[0]}:
        return
    backs = [node.output[0] for node in readers if _order(node) == _SWAPPED]
    if not backs or _read_inside(graph, {concat.output[0], swap.output[0], *backs}):
        return
    # An output of the graph keeps its name.
    result = next((name for name in backs if name in names), backs[0])
    new = f"{concat.output[0]}/heads_first"
    nodes = {
        id(concat): [
            helper.make_node("Transpose", [concat.input[1]], [new], perm=_SWAPPED),
            helper.make_node("Concat", [swap.input[0], new], [result], axis=2),
        ]
    }
    renamed = {}
    for node in (*readers, *others):
        source = result if node.input[0] == concat.output[0] else swap.input[0]
        nodes[id(node)] = _instead(node, source, renamed)
    nodes[id(swap)] = []
    changed = [x for node in graph.node for x in nodes.get(id(node), [node])]
    changed = [_copied(node) for node in changed]
    for node in changed:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(changed)
    for value in graph.output:
        value.name = renamed.get(value.name, value.name)


def _way(node):
    """Return how a node reads a cache, or None for a way that is not known here."""
    if node.op_type == "Shape" and not node.attribute:
        return "shape"
    return "turned" if _order(node) in (_SWAPPED, _TURNED) else None


def _instead(node, source, renamed):
    """Return the nodes in the place of one that reads what has heads first now."""
    from onnx import helper, numpy_helper

    out = node.output[0]
    if _order(node) == _SWAPPED:
        if out != source:
            renamed[out] = source
        return []
    if _order(node) == _TURNED:
        return [helper.make_node("Transpose", [source], [out], perm=_LAST_TWO)]
    shape, places = f"{out}/heads_first", f"{out}/places"
    value = numpy_helper.from_array(_long(_SWAPPED))
    return [
        helper.make_node("Shape", [source], [shape]),
        helper.make_node("Constant", [], [places], value=value),
        helper.make_node("Gather", [shape, places], [out], axis=0),
    ]


def _readers(graph, name):
    return [node for node in graph.node if name in node.input]


def _read_inside(graph, names):
    """Return whether a graph inside this one reads any of some values."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                inner = attribute.g
                if any(names & set(x.input) for x in inner.node):
                    return True
                if _read_inside(inner, names):
                    return True
    return False


def _order(node):
    if node is None or node.op_type != "Transpose":
        return None
    return next((list(x.ints) for x in node.attribute if x.name == "perm"), None)


def _integer(node, name):
    return next((x.i for x in node.attribute if x.name == name), None)


def _long(values):
    import numpy as np

    return np.array(values, "int64")


def _copied(node):
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy
