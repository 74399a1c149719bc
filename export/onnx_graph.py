"""From a subject to an ONNX graph of standard operators."""

import contextlib
import functools
import logging
from collections.abc import Iterator

from kzoo.export.errors import ExportError
from kzoo.export.onnx_kernels import handlers, onnx_kernels
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject
from kzoo.export.trace import tensor_specs, traced

# LayerNormalization came with 17; every runtime of today knows it.
OPSET = 17


def convert(subject: Subject, signature: Signature):
    """Return the subject's tensor form as an `onnx.ModelProto`.

    Its inputs, outputs and free axes bear the signature's names, and all of its
    operators are of the standard domain. Needs the TensorFlow backend.

    Raises:
        ExportError: If an operation of the model has no ONNX form.
    """
    import onnx
    import tf2onnx

    around = functools.partial(onnx_kernels, subject.model)
    function = traced(subject, signature, around)
    _forget_eager_tables()
    with _complaints() as complaints:
        try:
            model, _ = tf2onnx.convert.from_function(
                function,
                tensor_specs(signature),
                opset=OPSET,
                custom_op_handlers=handlers(),
            )
        except (ValueError, RuntimeError, AttributeError, KeyError) as error:
            raise ExportError(
                "The model's graph could not be converted to ONNX. Received: "
                f"{type(error).__name__}: {error}"
            ) from error
    _check_operators(model, complaints)
    _name_axes(model, signature)
    model.producer_name, model.producer_version = "kzoo", ""
    model.graph.name = signature.name
    model.doc_string = model.graph.doc_string = ""
    used = {node.domain for node in model.graph.node}
    for opset in [x for x in model.opset_import if x.domain and x.domain not in used]:
        model.opset_import.remove(opset)
    onnx.checker.check_model(model)
    return model


def _forget_eager_tables():
    """Remove what lookup tables made outside a graph left in the default graph.

    It is None, which every graph traced later inherits and warns of.
    """
    import tensorflow as tf

    key = tf.compat.v1.GraphKeys.TABLE_INITIALIZERS
    collection = tf.compat.v1.get_collection_ref(key)
    collection[:] = [item for item in collection if item is not None]


def _check_operators(model, complaints):
    import onnx

    unknown = set()
    for node in model.graph.node:
        if node.domain or not onnx.defs.has(node.op_type, OPSET):
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
    for value in (*model.graph.input, *model.graph.output):
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
