"""Several ONNX graphs, one behind the other, as one."""

from kzoo.export.signature import Signature

_TYPES = {"string": "STRING", "int32": "INT32", "int64": "INT64", "float32": "FLOAT"}


def renamed(graph, names: dict[str, str]) -> None:
    """Give values of a graph, and of the graphs inside it, other names.

    Args:
        graph: An `onnx.GraphProto`, changed in place.
        names: Old name -> new name.
    """
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                renamed(inner, names)


def joined(models: list, signature: Signature, opset: int):
    """Return one graph in which each model reads what those before it return.

    What is to be handed on has the same name on both sides; all other names differ.

    Args:
        models: Each an `onnx.ModelProto`, in the order in which they run.
        signature: What the whole takes and returns.
        opset: The version of ONNX's own operators in the whole; the models have this
            one, or lower ones whose operators mean the same in it.

    Returns:
        An `onnx.ModelProto`, which shares no memory with the models.
    """
    from onnx import TensorProto, helper

    def values(specs):
        return [
            helper.make_tensor_value_info(
                spec.name, getattr(TensorProto, _TYPES[spec.dtype]), spec.axes
            )
            for spec in specs
        ]

    graph = helper.make_graph(
        [node for model in models for node in model.graph.node],
        signature.name,
        values(signature.inputs),
        values(signature.outputs),
        [tensor for model in models for tensor in model.graph.initializer],
    )
    versions = {"": opset}
    for model in models:
        for item in model.opset_import:
            if item.domain:
                versions[item.domain] = item.version
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*item) for item in versions.items()],
        ir_version=max(model.ir_version for model in models),
        producer_name="kzoo",
    )
