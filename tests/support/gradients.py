"""Gradients of a layer's output, on whichever backend runs."""

import keras
import numpy as np

from support.arrays import to_numpy


def gradients(layer, x, upstream, **kwargs):
    """Differentiate sum(upstream * layer(x)) by x and by each trainable weight.

    Returns:
        The gradient by `x` (None where `x` is integers), and a list of those by
        `layer.trainable_variables`, all NumPy.
    """
    if not layer.built:
        layer(x, **kwargs)
    backend = keras.backend.backend()
    by_input = np.issubdtype(x.dtype, np.floating)
    compute = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend]
    found = compute(layer, x, upstream, by_input, kwargs)
    found = [None if g is None else to_numpy(g) for g in found]
    return (found[0], found[1:]) if by_input else (None, found)


def _tensorflow(layer, x, upstream, by_input, kwargs):
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    sources = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        if by_input:
            tape.watch(x)
            sources = [x, *sources]
        loss = tf.reduce_sum(tf.cast(layer(x, **kwargs), "float32") * upstream)
    found = tape.gradient(loss, sources)
    return [None if g is None else tf.convert_to_tensor(g) for g in found]


def _jax(layer, x, upstream, by_input, kwargs):
    import jax
    import jax.numpy as jnp

    def loss(x, weights):
        mapping = list(zip(layer.trainable_variables, weights, strict=True))
        # Not `stateless_call`, which leaves out the cast to the compute type.
        with keras.StatelessScope(state_mapping=mapping):
            output = layer(x, **kwargs)
        return jnp.sum(output.astype("float32") * upstream)

    weights = [v.value for v in layer.trainable_variables]
    compute = jax.jit(jax.grad(loss, argnums=(0, 1), allow_int=True))
    by_x, by_weights = compute(x, weights)
    return [by_x, *by_weights] if by_input else by_weights


def _torch(layer, x, upstream, by_input, kwargs):
    import torch

    x = torch.tensor(x, requires_grad=by_input)
    sources = [v.value for v in layer.trainable_variables]
    if by_input:
        sources = [x, *sources]
    output = layer(x, **kwargs).float()
    loss = (output * torch.tensor(upstream)).sum()
    found = torch.autograd.grad(loss, sources, allow_unused=True)
    return [None if g is None else g.detach() for g in found]
