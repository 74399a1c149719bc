"""Loops that read what never changes from the graph around them."""


def read_constants_outside(graph) -> None:
    """Take out of a graph's Loops what every round passes on unchanged.

    The converter hands all that a loop's body reads from round to round, weights too.
    Read from the outer graph instead, an initializer can be prepared for its products
    once, and nothing is copied.

    Args:
        graph: An `onnx.GraphProto`, changed in place.
    """
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.output:
                    read_constants_outside(inner)
        if node.op_type == "Loop":
            _read_constants_outside(graph, node)


def _read_constants_outside(graph, loop):
    body = next(x.g for x in loop.attribute if x.name == "body")
    # Inputs: trip count and condition, then the state; outputs of the body: condition,
    # then the state; of the loop: the state.
    passed = [
        place
        for place in range(len(loop.input) - 2)
        if body.input[place + 2].name == body.output[place + 1].name
    ]
    inside, outside = {}, {}
    for place in passed:
        inside[body.input[place + 2].name] = loop.input[place + 2]
        outside[loop.output[place]] = loop.input[place + 2]
    for place in reversed(passed):
        del body.input[place + 2]
        del body.output[place + 1]
        del loop.input[place + 2]
        del loop.output[place]
    _rename(body, inside)
    _rename(graph, outside)


def _rename(graph, names):
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)
