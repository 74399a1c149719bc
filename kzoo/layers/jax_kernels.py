"""Kernels that JAX has ready-made: this file, for one, knows a backend."""

import keras
from keras import ops


def has_fused_attention() -> bool:
    """Return whether attention runs on a GPU and flash attention is not turned off."""
    import jax

    wanted = keras.config.is_flash_attention_enabled() is not False
    return wanted and jax.default_backend() == "gpu"


def attention(query, key, value, mask, scale: float):
    """Return `kernels.attention` by cuDNN where it takes the types and shapes.

    Keras asks cuDNN, and lets XLA compute what that does not take, float32 above all.
    """
    return ops.dot_product_attention(query, key, value, mask=mask, scale=scale)


def product(x, weight, bias):
    """Return `kernels.product` with gradients of weight and bias in their own types."""
    import jax

    def plain(x, weight, bias):
        y = ops.matmul(x, ops.cast(weight, x.dtype))
        return y if bias is None else y + ops.cast(bias, x.dtype)

    def backward(saved, upstream):
        x, weight, bias = saved
        flat, upstream_flat = (t.reshape(-1, t.shape[-1]) for t in (x, upstream))
        of_weight = jax.lax.dot_general(
            flat,
            upstream_flat,
            (((0,), (0,)), ((), ())),
            preferred_element_type=weight.dtype,
        )
        of_bias = None if bias is None else upstream_flat.astype(bias.dtype).sum(0)
        return ops.matmul(upstream, ops.cast(weight, x.dtype).T), of_weight, of_bias

    wide = jax.custom_vjp(plain)
    wide.defvjp(lambda *args: (plain(*args), args), backward)
    return wide(x, weight, bias)
