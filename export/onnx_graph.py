"""From a subject to an ONNX graph of standard operators."""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator

import keras
import numpy as np

from kzoo.export.errors import ExportError
from kzoo.export.onnx_cache_layout import keep_heads_first
from kzoo.export.onnx_kernels import handlers, onnx_kernels
from kzoo.export.onnx_loops import read_constants_outside
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject
from kzoo.export.trace import tensor_specs, traced

# LayerNormalization came with 17; every runtime of today knows it.
OPSET = 17

_WEIGHT = "kzoo_weight_"


def convert(
    subject: Subject,
    signature: Signature,
    *,
    call: Callable | None = None,
    opset: int = OPSET,
):
    """Return one of a subject's tensor forms as an `onnx.ModelProto`.

    Its inputs, outputs and free axes bear the signature's names, and all of its
    operators are of the standard domain. Needs the TensorFlow backend.

    Args:
        subject: What is exported.
        signature: What the graph takes and returns.
        call: Function of TensorFlow tensors by name to others; by default the
            subject's own `call`.
        opset: The version of the operators.

    Raises:
        ExportError: If an operation of the model has no ONNX form.
    """
    import onnx
    import tf2onnx

    # The converter copies constants many times: it sees the weights as inputs.
    weights = list({id(x): x for x in subject.model.variables}.values())
    around = functools.partial(onnx_kernels, subject.model)
    function = traced(subject, signature, call=call, around=around, weights=weights)
    specs = [*tensor_specs(signature), *_weight_specs(weights)]
    _forget_eager_tables()
    with _complaints() as complaints:
        try:
            model, _ = tf2onnx.convert.from_function(
                function, specs, opset=opset, custom_op_handlers=handlers()
            )
        except (ValueError, RuntimeError, AttributeError, KeyError) as error:
            raise ExportError(
                "The model's graph could not be converted to ONNX. Received: "
                f"{type(error).__name__}: {error}"
            ) from error
    read_constants_outside(model.graph)
    keep_heads_first(model.graph)
    _check_operators(model, complaints, opset)
    _name_axes(model, signature)
    model.producer_name, model.producer_version = "kzoo", ""
    model.graph.name = signature.name
    model.doc_string = model.graph.doc_string = ""
    used = {node.domain for node in model.graph.node}
    for opset in [x for x in model.opset_import if x.domain and x.domain not in used]:
        model.opset_import.remove(opset)
    # Before the weights are in it: the checker takes no graph of 2 GB.
    onnx.checker.check_model(model)
    _fill_weights(model, weights)
    return model


def _weight_specs(weights):
    import tensorflow as tf

    return [
        tf.TensorSpec(x.shape, x.dtype, name=f"{_WEIGHT}{index}")
        for index, x in enumerate(weights)
    ]


def _fill_weights(model, weights):
    """Turn the inputs that stand for weights into initializers, named by path."""
    from onnx import numpy_helper

    used = {name for node in all_nodes(model.graph) for name in node.input}
    names, taken = {}, set()
    for index, variable in enumerate(weights):
        name = f"{_WEIGHT}{index}"
        path = variable.path if variable.path not in taken else name
        taken.add(path)
        if name in used:
            names[name] = path
            value = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
            model.graph.initializer.append(numpy_helper.from_array(value, path))
    for node in all_nodes(model.graph):
        node.input[:] = [names.get(name, name) for name in node.input]
    inputs = [x for x in model.graph.input if not x.name.startswith(_WEIGHT)]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def all_nodes(graph):
    """Yield the nodes of a graph and of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from all_nodes(inner)


def _forget_eager_tables():
    """Remove what lookup tables made outside a graph left in the default graph.

    It is None, which every graph traced later inherits and warns of.
    """
    import tensorflow as tf

    key = tf.compat.v1.GraphKeys.TABLE_INITIALIZERS
    collection = tf.compat.v1.get_collection_ref(key)
    collection[:] = [item for item in collection if item is not None]


def _check_operators(model, complaints, opset):
    import onnx

    unknown = set()
    for node in all_nodes(model.graph):
        if node.domain or not onnx.defs.has(node.op_type, opset):
            unknown.add(node.op_type)
    if unknown:
        told = f" ({'; '.join(complaints)})" if complaints else ""
        raise ExportError(
            "The model uses operations that have no ONNX form: "
            f"{', '.join(sorted(unknown))}{told}. Export a SavedModel instead, or "
            "write these layers with other keras.ops."
        )


def _name_axes(model, signature):
    """Name the free axes; drop inner shapes, which name them otherwise."""
    specs = {spec.name: spec for spec in (*signature.inputs, *signature.outputs)}
    declared = [x for x in model.graph.input if not x.name.startswith(_WEIGHT)]
    for value in (*declared, *model.graph.output):
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for axis in specs[value.name].axes:
            if isinstance(axis, int):
                shape.dim.add().dim_value = axis
            else:
                shape.dim.add().dim_param = axis
    del model.graph.value_info[:]


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """Keep tf2onnx quiet, and collect the errors it would log."""
    collected: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record):
            collected.append(record.getMessage())

    logger, handler = logging.getLogger("tf2onnx"), Collect(logging.ERROR)
    before = logger.propagate, logger.level
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield collected
    finally:
        logger.removeHandler(handler)
        logger.propagate, level = before
        logger.setLevel(level)
