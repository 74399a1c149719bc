"""Dynamic int8 quantisation that goes into Loops and shares a tied table.

ONNX Runtime's own tool leaves the body of a Loop as it is, and takes a table that is
looked up as well as multiplied with (a tied head) apart. The nodes written here are
those that it writes, which ONNX Runtime fuses.

Weights are kept as unsigned bytes, 128 more than their whole numbers: signed ones are
multiplied wrongly on processors with AVX2 and without VNNI, where a sum of two products
of an unsigned and a signed byte is cut off at 16 bits.
"""

import numpy as np

from kzoo.export.onnx_graph import all_nodes

_LARGEST = 127
_ZERO = 128


def has_loop_or_tied_head(model) -> bool:
    """Return whether a graph holds what ONNX Runtime's own quantiser does not take."""
    return any(
        node.op_type == "Loop" or (node.op_type == "Gemm" and _is_transposed(node))
        for node in all_nodes(model.graph)
    )


def quantized(model):
    """Return a graph with 8-bit weights; what is multiplied is quantised as it comes.

    A matrix has a scale for each column, a table that is looked up one for each row.

    Args:
        model: An `onnx.ModelProto` whose weights are initializers of the outermost
            graph. It is not changed.

    Returns:
        Another one.
    """
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    uses = _uses(graph)
    quantizer = _Quantizer()
    kept = []
    for tensor in graph.initializer:
        kinds = {_kind(node, place) for node, place in uses.get(tensor.name, ())}
        is_matrix = len(tensor.dims) == 2 and tensor.data_type == onnx.TensorProto.FLOAT
        if is_matrix and kinds and kinds <= {"lookup", "head"}:
            quantizer.add(tensor.name, numpy_helper.to_array(tensor), 1, kinds)
        elif is_matrix and kinds == {"product"}:
            quantizer.add(tensor.name, numpy_helper.to_array(tensor), 0, kinds)
        else:
            kept.append(tensor)
    result = onnx.ModelProto()
    for field, value in model.ListFields():
        if field.name == "opset_import":
            result.opset_import.extend(value)
        elif field.name != "graph":
            setattr(result, field.name, value)
    result.graph.name = graph.name
    result.graph.input.extend(graph.input)
    result.graph.output.extend(graph.output)
    result.graph.initializer.extend([*kept, *quantizer.tensors])
    result.graph.node.extend([*quantizer.first, *quantizer.rewritten(graph.node)])
    return result


def _uses(graph) -> dict:
    """Return name -> the nodes that read it, at any depth, and at which input."""
    uses: dict = {}
    for node in all_nodes(graph):
        for place, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, place))
    return uses


def _kind(node, place):
    """Return how a node uses a matrix, or None for a way that stays as it is."""
    if node.op_type == "Gather" and place == 0 and not _attribute(node, "axis", 0):
        return "lookup"
    if node.op_type == "MatMul" and place == 1:
        return "product"
    if node.op_type == "Gemm" and place == 1 and _is_transposed(node):
        return "head"
    return None


def _attribute(node, name, default):
    return next((x.i for x in node.attribute if x.name == name), default)


def _is_transposed(node):
    return _attribute(node, "transB", 0) == 1 and len(node.input) == 2


class _Quantizer:
    """The quantised matrices of a graph, and the nodes that read them."""

    def __init__(self):
        self.tensors = [
            _scalar("int8/zero", "uint8"),
            _scalar("int8/offset", "float32"),
        ]
        self.first = []
        self._known: dict = {}

    def add(self, name, values, axis, kinds):
        """Keep a matrix as bytes, each scale that of all values along an axis."""
        from onnx import helper, numpy_helper

        scale = np.abs(values).max(axis=axis, keepdims=True) / _LARGEST
        scale = np.where(scale == 0, 1, scale).astype("float32")
        whole = np.clip(np.rint(values / scale), -_LARGEST, _LARGEST)
        whole = (whole + _ZERO).astype("uint8")
        self.tensors.append(numpy_helper.from_array(whole, f"{name}/int8"))
        self._known[name] = axis
        if "lookup" in kinds:
            self.tensors.append(numpy_helper.from_array(scale, f"{name}/scale"))
        if kinds != {"lookup"}:
            columns = numpy_helper.from_array(scale.reshape(-1), f"{name}/columns")
            self.tensors.append(columns)
        if "head" in kinds:
            # Outside of every Loop, where it is done once when the file is opened.
            turned = helper.make_node(
                "Transpose", [f"{name}/int8"], [f"{name}/turned"], perm=[1, 0]
            )
            self.first.append(turned)

    def rewritten(self, nodes):
        """Return nodes in which those that read such a matrix are others."""
        result = []
        for node in nodes:
            matrix = next((name for name in node.input if name in self._known), None)
            if matrix is None:
                result.append(self._inner(node))
            elif node.op_type == "Gather":
                result += self._lookup(node, matrix)
            else:
                result += self._product(node, matrix)
        return result

    def _inner(self, node):
        import onnx

        if not any(attribute.HasField("g") for attribute in node.attribute):
            return node
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for attribute in copy.attribute:
            if attribute.HasField("g"):
                rewritten = self.rewritten(list(attribute.g.node))
                rewritten = [_copied(x) for x in rewritten]
                del attribute.g.node[:]
                attribute.g.node.extend(rewritten)
        return copy

    def _lookup(self, node, name):
        from onnx import TensorProto, helper

        ids, out = node.input[1], node.output[0]
        parts = ("int8", "float", "signed", "scale")
        whole, value, signed, scale = (f"{out}/{part}" for part in parts)
        return [
            helper.make_node("Gather", [f"{name}/int8", ids], [whole]),
            helper.make_node("Cast", [whole], [value], to=TensorProto.FLOAT),
            helper.make_node("Sub", [value, "int8/offset"], [signed]),
            helper.make_node("Gather", [f"{name}/scale", ids], [scale]),
            helper.make_node("Mul", [signed, scale], [out]),
        ]

    def _product(self, node, name):
        from onnx import TensorProto, helper

        out = node.output[0]
        parts = [f"{out}/{part}" for part in ("int8", "scale", "zero")]
        whole, value, scale = f"{out}/sum", f"{out}/float", f"{out}/scales"
        matrix = f"{name}/turned" if self._known[name] else f"{name}/int8"
        inputs = [parts[0], matrix, parts[2], "int8/zero"]
        return [
            helper.make_node("DynamicQuantizeLinear", [node.input[0]], parts),
            helper.make_node("MatMulInteger", inputs, [whole]),
            helper.make_node("Cast", [whole], [value], to=TensorProto.FLOAT),
            helper.make_node("Mul", [parts[1], f"{name}/columns"], [scale]),
            helper.make_node("Mul", [value, scale], [out]),
        ]


def _scalar(name, dtype):
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(_ZERO, dtype), name)


def _copied(node):
    import onnx

    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy
