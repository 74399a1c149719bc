"""Kernels that become one ONNX node each, and the handlers that make the nodes.

While a model is traced for ONNX, a kernel is a marker: a TensorFlow op that tf2onnx
does not know, found again by its name. Its handler writes the ONNX nodes.
"""

import contextlib
import functools
import math
from collections.abc import Iterator

import keras

from kzoo.export.trace import layers_calling
from kzoo.layers import Dense, TokenEmbedding, kernels

_LAYER_NORMALIZATION = "kzoo_LayerNormalization"
_GELU = "kzoo_Gelu"
_TIED_HEAD = "kzoo_TiedHead"


@contextlib.contextmanager
def onnx_kernels(model: keras.Model) -> Iterator[None]:
    """Let a model's kernels be markers, and its products plain ones, for a while.

    kzoo's layers ask `kernels`; Dense and Keras's own LayerNormalization are given
    another call where they are configured plainly.
    """
    calls = {
        keras.layers.LayerNormalization: _keras_norm,
        keras.layers.Dense: _dense,
        Dense: _dense,
        TokenEmbedding: _token_embedding,
    }
    own = {
        "layer_normalization": _norm_marker,
        "gelu": _gelu_marker,
        "attention_scores": _attention_scores,
        "attention_mix": _attention_mix,
        "lookup": _lookup,
    }
    with kernels.replaced(**own), layers_calling(model, calls):
        yield


def handlers() -> dict:
    """Return tf2onnx's `custom_op_handlers` for the markers and for `Erfc`."""
    return {"PyFuncStateless": (_write_marker, []), "Erfc": (_write_erfc, [])}


def _marker(name, x, *others):
    import tensorflow as tf

    def never(*_):
        raise RuntimeError(f"{name} is a marker for ONNX and computes nothing")

    return tf.numpy_function(never, [x, *others], x.dtype, stateful=False, name=name)


def _like(x, y):
    y.set_shape(x.shape)
    return y


def _norm_marker(x, gamma, beta, epsilon):
    import tensorflow as tf

    if x.dtype != "float32":
        return kernels.layer_normalization.default(x, gamma, beta, epsilon)
    size = x.shape[-1:]
    gamma = tf.ones(size) if gamma is None else tf.convert_to_tensor(gamma)
    beta = tf.zeros(size) if beta is None else tf.convert_to_tensor(beta)
    epsilon = tf.constant(epsilon)
    return _like(x, _marker(_LAYER_NORMALIZATION, x, gamma, beta, epsilon))


def _gelu_marker(x, approximate=False):
    if approximate or x.dtype != "float32":
        return kernels.gelu.default(x, approximate=approximate)
    return _like(x, _marker(_GELU, x))


def _attention_scores(query, key, mask, scale, bias=None, soft_cap=None):
    import tensorflow as tf

    query = tf.transpose(query * scale, (0, 2, 1, 3))  # (B, N, T, H)
    scores = tf.matmul(query, tf.transpose(key, (0, 2, 3, 1)))  # (B, N, T, S)
    if soft_cap is not None:
        scores = soft_cap * tf.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + tf.cast(bias, scores.dtype)
    if mask is not None:
        scores = tf.where(mask, scores, kernels.MASKED_SCORE)
    return tf.nn.softmax(scores)


def _lookup(table, ids):
    import tensorflow as tf

    return tf.gather(tf.convert_to_tensor(table), ids)


def _attention_mix(scores, value):
    import tensorflow as tf

    mixed = tf.matmul(scores, tf.transpose(value, (0, 2, 1, 3)))  # (B, N, T, H)
    return tf.transpose(mixed, (0, 2, 1, 3))


def _token_embedding(layer):
    """Multiply with the table as it is stored: its transpose would be a copy."""
    import tensorflow as tf

    def call(token_ids, reverse=False, training=None):
        table = tf.convert_to_tensor(layer.embeddings)
        if not reverse or token_ids.dtype != "float32" or table.dtype != "float32":
            return type(layer).call(layer, token_ids, reverse, training)
        rows = tf.reshape(token_ids, (-1, layer.hidden_dim))
        logits = _marker(_TIED_HEAD, rows, table)
        logits.set_shape((None, layer.vocabulary_size))
        shape = tf.concat([tf.shape(token_ids)[:-1], [layer.vocabulary_size]], axis=0)
        logits = tf.reshape(logits, shape)
        logits.set_shape((*token_ids.shape[:-1], layer.vocabulary_size))
        return logits

    return call


def _keras_norm(layer):
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if layer.rms_scaling or len(axes) != 1:
        return None

    def call(inputs):
        if axes[0] not in (-1, len(inputs.shape) - 1):
            return type(layer).call(layer, inputs)
        return _norm_marker(inputs, layer.gamma, layer.beta, layer.epsilon)

    return call


def _dense(layer):
    """Multiply by the kernel as it is; Keras would reshape around the product."""
    import tensorflow as tf

    if layer.quantization_mode or layer.lora_enabled:
        return None

    def call(inputs, training=None):
        if len(inputs.shape) < 3:
            return type(layer).call(layer, inputs, training=training)
        x = tf.matmul(inputs, tf.cast(layer.kernel, inputs.dtype))
        if layer.bias is not None:
            x = x + tf.cast(layer.bias, inputs.dtype)
        return x if layer.activation is None else layer.activation(x)

    return call


def _write_marker(graph, node, name, args):
    """Write the ONNX nodes of one marker."""
    for kind, write in _WRITERS.items():
        if kind in node.name:
            inputs, outputs = list(node.input), list(node.output)
            constants = [x.is_const() and x.get_tensor_value() for x in node.inputs]
            kept = {
                "shapes": [graph.get_shape(outputs[0])],
                "dtypes": [graph.get_dtype(inputs[0])],
            }
            graph.remove_node(node.name)
            write(graph, name, inputs, outputs, constants, kept)
            return
    raise ValueError(f"a Python function has no ONNX form: {node.name}")


def _write_norm(graph, name, inputs, outputs, constants, kept):
    attributes = {"epsilon": float(constants[3]), "axis": -1}
    graph.make_node(
        "LayerNormalization",
        inputs[:3],
        outputs=outputs,
        name=name,
        attr=attributes,
        **kept,
    )


def _write_gelu(graph, name, inputs, outputs, constants, kept):
    """Write x * (erf(x / sqrt(2)) + 1) * 0.5 in the order that ONNX Runtime fuses."""
    make = functools.partial(graph.make_node, **kept)
    number = functools.partial(_constant, graph, name)
    x = inputs[0]
    scaled = make("Div", [x, number(math.sqrt(2))]).output[0]
    erf = make("Erf", [scaled]).output[0]
    shifted = make("Add", [erf, number(1)]).output[0]
    product = make("Mul", [x, shifted]).output[0]
    make("Mul", [product, number(0.5)], outputs=outputs, name=name)


def _write_tied_head(graph, name, inputs, outputs, constants, kept):
    """Write x E^T with the table as it is stored."""
    graph.make_node(
        "Gemm", inputs[:2], outputs=outputs, name=name, attr={"transB": 1}, **kept
    )


_WRITERS = {
    _LAYER_NORMALIZATION: _write_norm,
    _GELU: _write_gelu,
    _TIED_HEAD: _write_tied_head,
}


def _write_erfc(graph, node, name, args):
    """Write 1 - erf(x): ONNX has no erfc."""
    inputs, outputs = list(node.input), list(node.output)
    kept = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
    graph.remove_node(node.name)
    erf = graph.make_node("Erf", inputs, **kept).output[0]
    one = _constant(graph, name, 1)
    graph.make_node("Sub", [one, erf], outputs=outputs, name=name, **kept)


def _constant(graph, name, value):
    import numpy as np
    from tf2onnx.utils import make_name

    return graph.make_const(make_name(name), np.float32(value)).output[0]
