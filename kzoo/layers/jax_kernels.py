"""Kernels that JAX has ready-made: this file, for one, knows a backend."""

import keras
from keras import ops


def has_fused_attention() -> bool:
    """Return whether attention runs on a GPU and flash attention is not turned off."""
    import jax

    wanted = keras.config.is_flash_attention_enabled() is not False
    return wanted and jax.default_backend() == "gpu"


def attention(query, key, value, mask, scale: float, is_causal: bool = False):
    """Return `kernels.attention` by cuDNN where it takes the types and shapes.

    Keras asks cuDNN, and lets XLA compute what that does not take, float32 above all.
    """
    return ops.dot_product_attention(
        query, key, value, mask=mask, scale=scale, is_causal=is_causal
    )


def whole_product(a, b):
    """Return `matmul`, in the type of `a`, of which no part was rounded before.

    Parts of a sum that lie on several devices are added up in float32.
    """
    import jax

    return jax.numpy.matmul(a, b, preferred_element_type="float32").astype(a.dtype)


def whole_products(equation: str, a, b):
    """Return an `einsum` of two tensors as `whole_product`, in its gradients as well.

    No axis may be named twice in a tensor, nor in one tensor alone.
    """
    import jax

    def whole(equation, a, b):
        y = jax.numpy.einsum(equation, a, b, preferred_element_type="float32")
        return y.astype(a.dtype)

    def backward(operands, upstream):
        (a, b), ((of_a, of_b), of_y) = operands, (inputs.split(","), output)
        return (
            whole(f"{of_y},{of_b}->{of_a}", upstream, b),
            whole(f"{of_y},{of_a}->{of_b}", upstream, a),
        )

    inputs, output = equation.split("->")
    products = jax.custom_vjp(lambda a, b: whole(equation, a, b))
    products.defvjp(lambda a, b: (whole(equation, a, b), (a, b)), backward)
    return products(a, b)


def product(x, weight, bias):
    """Return `kernels.product` with gradients of weight and bias in their own types."""
    import jax

    def plain(x, weight, bias):
        y = whole_product(x, _aligned(weight.astype(x.dtype)))[..., : weight.shape[1]]
        return y if bias is None else y + bias.astype(x.dtype)

    def backward(saved, upstream):
        x, weight, bias = saved
        wide = _aligned(upstream)
        flat, wide_flat = (t.reshape(-1, t.shape[-1]) for t in (x, wide))
        of_weight = jax.lax.dot_general(
            flat,
            wide_flat,
            (((0,), (0,)), ((), ())),
            preferred_element_type=weight.dtype,
        )[:, : weight.shape[1]]
        of_bias = None
        if bias is not None:
            of_bias = upstream.reshape(-1, upstream.shape[-1]).astype(bias.dtype).sum(0)
        of_x = whole_product(wide, _aligned(weight.astype(x.dtype)).T)
        return of_x, of_weight, of_bias

    wide = jax.custom_vjp(plain)
    wide.defvjp(lambda *args: (plain(*args), args), backward)
    return wide(x, weight, bias)


def _aligned(matrix):
    """Return a matrix with columns of zeros, so that a GPU's fast kernels take it.

    They read 16 bytes at once, and 50,257 words do not lie on their borders.
    """
    import jax

    columns = matrix.shape[-1]
    if jax.default_backend() != "gpu" or columns < 1024 or columns % 8 == 0:
        return matrix
    others = [(0, 0)] * (matrix.ndim - 1)
    return jax.numpy.pad(matrix, [*others, (0, -columns % 64)])
