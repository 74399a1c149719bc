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
