"""A subject as TensorFlow functions."""

import contextlib
from collections.abc import Callable, Iterator

import keras

from kzoo.export.signature import Signature
from kzoo.export.subject import Subject


def traced(
    subject: Subject,
    signature: Signature,
    *,
    call: Callable | None = None,
    around=contextlib.nullcontext,
    weights=(),
):
    """Return a subject's call as a `tf.function` of the signature's inputs.

    Args:
        subject: What is exported.
        signature: The signature of one of its tensor forms.
        call: Function of a dict of tensors to another; by default the subject's own.
        around: A context to trace in, such as `onnx_kernels`.
        weights: Keras variables whose values the function takes as further tensors,
            behind the inputs, instead of reading them.

    Returns:
        A `tf.function` of tensors that returns a dict of tensors.
    """
    import tensorflow as tf

    names = [spec.name for spec in signature.inputs]

    def function(*tensors):
        inputs = dict(zip(names, tensors, strict=False))
        values = zip(weights, tensors[len(names) :], strict=True)
        scope = contextlib.nullcontext()
        if weights:
            scope = keras.StatelessScope(state_mapping=list(values))
        with scope, around():
            outputs = (call or subject.call)(inputs)
        named = {}
        for spec in signature.outputs:
            named[spec.name] = tf.identity(outputs[spec.name])
            named[spec.name].set_shape(spec.shape)
        return named

    return tf.function(function, autograph=False)


def tensor_specs(signature: Signature) -> list:
    """Return the signature's inputs as a list of `tf.TensorSpec`."""
    import tensorflow as tf

    return [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in signature.inputs]


@contextlib.contextmanager
def layers_calling(model: keras.Model, calls: dict[type, Callable]) -> Iterator[None]:
    """Let the layers of exact types compute by other functions for a while.

    Args:
        model: Whose layers.
        calls: Layer type -> function of the layer and its input, or of both None
            where the layer's own call shall stay.
    """
    changed = []
    try:
        for layer in model._flatten_layers():
            call = calls.get(type(layer))
            call = call and call(layer)
            if call:
                # Past Keras's attribute tracker: this is no state of the layer.
                layer.__dict__["call"] = call
                changed.append(layer)
        yield
    finally:
        for layer in changed:
            del layer.__dict__["call"]
