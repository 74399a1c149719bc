"""Kernels that JAX has ready-made: this file, for one, knows a backend."""

import keras
from keras import ops


def has_fused_attention() -> bool:
    """Return whether attention runs on a GPU and flash attention is not turned off."""
    return keras.config.is_flash_attention_enabled() is not False and _on_gpu()


def attention(query, key, value, mask, scale: float, is_causal: bool = False):
    """Return `kernels.attention` by cuDNN where it takes the types and shapes.

    Keras asks cuDNN, and lets XLA compute what that does not take, float32 above all.
    """
    return ops.dot_product_attention(
        query, key, value, mask=mask, scale=scale, is_causal=is_causal
    )


def softmax(scores):
    """Return `jax.nn.softmax` over the last axis, with y (g - sum(y g)) as gradient.

    That is what its derivative is in terms of itself, y, the one thing kept for it;
    JAX's own divides by sums, which XLA may turn into products and round otherwise.
    """
    import jax

    @jax.custom_jvp
    def softmax(scores):
        return jax.nn.softmax(scores)

    @softmax.defjvp
    def tangents(primals, tangents):
        y, (of_scores,) = softmax(*primals), tangents
        return y, y * (of_scores - (y * of_scores).sum(-1, keepdims=True))

    return softmax(scores)


def whole_products(equation: str, a, b):
    """Return an `einsum` of two tensors, in their type, rounded once.

    Parts of a sum that lie on several devices are added up in float32, those of its
    gradients as well; there is no forward mode (`jax.jvp`). No axis may be named twice
    in a tensor, nor in one tensor alone.
    """
    import jax

    def backward(operands, upstream):
        (a, b), ((of_a, of_b), of_y) = operands, (inputs.split(","), output)
        return (
            _whole(f"{of_y},{of_b}->{of_a}", upstream, b),
            _whole(f"{of_y},{of_a}->{of_b}", upstream, a),
        )

    inputs, output = equation.split("->")
    products = jax.custom_vjp(lambda a, b: _whole(equation, a, b))
    products.defvjp(lambda a, b: (_whole(equation, a, b), (a, b)), backward)
    return products(a, b)


def product(x, weight, bias):
    """Return `kernels.product` with gradients of weight and bias in their own types.

    Sums are rounded to the type of `x` once, as those of `whole_products`.
    """
    import jax

    def plain(x, weight, bias):
        y = _whole("...d,df->...f", x, _aligned(weight.astype(x.dtype)))
        y = y[..., : weight.shape[1]]
        return y if bias is None else y + bias.astype(x.dtype)

    def backward(saved, upstream):
        x, weight, bias = saved
        wide = _aligned(upstream)
        flat, wide_flat = (t.reshape(-1, t.shape[-1]) for t in (x, wide))
        of_weight = _whole("bd,bf->df", flat, wide_flat, weight.dtype)
        of_bias = None
        if bias is not None:
            flat = upstream.reshape(-1, upstream.shape[-1])
            of_bias = flat.astype("float32").sum(0).astype(bias.dtype)
        narrow = _aligned(weight.astype(x.dtype))
        of_x = _whole("...f,df->...d", wide, narrow)
        return of_x, of_weight[:, : weight.shape[1]], of_bias

    wide = jax.custom_vjp(plain)
    wide.defvjp(lambda *args: (plain(*args), args), backward)
    return wide(x, weight, bias)


def _whole(equation: str, a, b, dtype=None):
    """Return products of tensors, added up in float32 and rounded once."""
    from jax import numpy as jnp

    y = jnp.einsum(equation, a, b, preferred_element_type="float32")
    return y.astype(dtype or a.dtype)


def _aligned(matrix):
    """Return a matrix with columns of zeros, so that a GPU's fast kernels take it.

    They read 16 bytes at once, and 50,257 words do not lie on their borders.
    """
    import jax

    columns = matrix.shape[-1]
    if not _on_gpu() or columns < 1024 or columns % 8 == 0:
        return matrix
    others = [(0, 0)] * (matrix.ndim - 1)
    return jax.numpy.pad(matrix, [*others, (0, -columns % 64)])


def _on_gpu() -> bool:
    import jax

    return jax.default_backend() == "gpu"
