"""Nodes put where they can run: where what they read is made, and behind it."""


def put_in_order(graph) -> None:
    """Move nodes into the graph that makes their inputs, and sort all graphs.

    ONNX Runtime's converter to float16 puts casts at the end of the outermost graph,
    those of what is made inside a Loop too.

    Args:
        graph: An `onnx.GraphProto` in which every name is made once, at any depth;
            changed in place.
    """
    makers = dict(_makers(graph))
    _move(graph, makers)
    _sort(graph, set())


def _inner_graphs(node):
    return [a.g for a in node.attribute if a.HasField("g")]


def _makers(graph):
    """Yield each name and the graph that makes it, the inner ones' too."""
    for value in (*graph.input, *graph.initializer):
        yield value.name, graph
    for node in graph.node:
        for name in node.output:
            yield name, graph
        for inner in _inner_graphs(node):
            yield from _makers(inner)


def _move(graph, makers):
    visible = {value.name for value in (*graph.input, *graph.initializer)}
    visible |= {name for node in graph.node for name in node.output}
    stay = []
    for node in graph.node:
        elsewhere = [x for x in node.input if x and x not in visible]
        if elsewhere:
            makers[elsewhere[0]].node.append(node)
        else:
            stay.append(node)
    _replace(graph, stay)


def _sort(graph, outside):
    known = outside | {value.name for value in (*graph.input, *graph.initializer)}
    waiting, done = list(graph.node), []
    while waiting:
        ready, later = [], []
        for node in waiting:
            (ready if _needs(node) <= known else later).append(node)
            if ready and ready[-1] is node:
                known |= set(node.output)
        if not ready:
            raise ValueError(f"a node reads what nothing makes: {later[0].name}")
        done += ready
        waiting = later
    _replace(graph, done)
    for node in graph.node:
        for inner in _inner_graphs(node):
            _sort(inner, known)


def _needs(node):
    """Return the names that a node and the graphs inside it read from outside."""
    names = {name for name in node.input if name}
    for inner in _inner_graphs(node):
        own = {value.name for value in (*inner.input, *inner.initializer)}
        own |= {name for item in inner.node for name in item.output}
        for item in inner.node:
            names |= _needs(item) - own
        names |= {value.name for value in inner.output} - own
    return names


def _replace(graph, nodes):
    import onnx

    copies = []
    for node in nodes:
        copies.append(onnx.NodeProto())
        copies[-1].CopyFrom(node)
    del graph.node[:]
    graph.node.extend(copies)
