"""The numeric kernels of the layers, each of which an exporter may replace.

A graph format often has one node for what Keras writes as ten. While such a
graph is traced, `replaced` puts another function in a kernel's place; the layers
stay as they are. Outside of it every kernel is plain `keras.ops`.
"""

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator

import keras
from keras import ops

from kzoo.layers.masks import causal_mask

# What a masked score becomes: far below any real one, and still a float16.
MASKED_SCORE = -3e4

_replacements: dict[str, Callable] = {}


def _replaceable(kernel: Callable) -> Callable:
    @functools.wraps(kernel)
    def call(*args, **kwargs):
        return _replacements.get(kernel.__name__, kernel)(*args, **kwargs)

    call.default = kernel
    return call


@contextlib.contextmanager
def replaced(**kernels: Callable) -> Iterator[None]:
    """Put other functions in the place of kernels, by name, for a while.

    Args:
        **kernels: The replacement of each kernel, with the kernel's arguments.

    Raises:
        ValueError: If there is no kernel of a name.

    Example:
        >>> with replaced(gelu=lambda x, approximate=False: x):
        ...     gelu(2.0)
        2.0
    """
    unknown = sorted(set(kernels) - set(KERNELS))
    if unknown:
        raise ValueError(
            f"Only kernels can be replaced. Received: {unknown}. "
            f"Known: {', '.join(KERNELS)}."
        )
    before = dict(_replacements)
    _replacements.update(kernels)
    try:
        yield
    finally:
        _replacements.clear()
        _replacements.update(before)


@_replaceable
def layer_normalization(x, gamma, beta, epsilon: float):
    """Return (x - mean) / sqrt(var + epsilon) * gamma + beta over the last axis.

    Args:
        x: (..., D), any float type. Statistics are taken in float32.
        gamma: (D,) scale, or None.
        beta: (D,) shift, or None.
        epsilon: Added to the variance, inside the root.

    Returns:
        (..., D) in the type of `x`.
    """
    if keras.backend.backend() == "torch":
        return _module().layer_normalization(x, gamma, beta, epsilon)
    dtype = x.dtype
    x = ops.cast(x, "float32")
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    y = centred * ops.rsqrt(variance + epsilon)
    if gamma is not None:
        y = y * ops.cast(gamma, "float32")
    if beta is not None:
        y = y + ops.cast(beta, "float32")
    return ops.cast(y, dtype)


@_replaceable
def rms_normalization(x, gamma, epsilon: float):
    """Return x / sqrt(mean(x^2) + epsilon) * gamma over the last axis.

    Args:
        x: (..., D), any float type. Statistics are taken in float32.
        gamma: (D,) scale, or None.
        epsilon: Added to the mean square, inside the root.

    Returns:
        (..., D) in the type of `x`.
    """
    dtype = x.dtype
    x = ops.cast(x, "float32")
    y = x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + epsilon)
    if gamma is not None:
        y = y * ops.cast(gamma, "float32")
    return ops.cast(y, dtype)


@_replaceable
def gelu(x, approximate: bool = False):
    """Return x * Phi(x), Phi the normal distribution function, or its tanh form."""
    return ops.gelu(x, approximate=approximate)


@_replaceable
def attention(
    query,
    key,
    value,
    mask,
    scale: float,
    bias=None,
    soft_cap=None,
    is_causal: bool = False,
):
    """Return the values mixed by the scores, which are not kept.

    Args:
        query: (B, T, N, H).
        key: (B, S, N, H).
        value: (B, S, N, H).
        mask: As for `attention_scores`.
        scale: Likewise.
        bias: Likewise.
        soft_cap: Likewise.
        is_causal: Whether position t sees the keys 0 to t and all of them, T = S; there
            is no mask then, and what is hidden need not be computed.

    Returns:
        (B, T, N, H). A query that may attend to nothing gets the values' mean.
    """
    own = None if soft_cap is not None or bias is not None else _own_kernels()
    if own is not None:
        return own.attention(query, key, value, mask, scale, is_causal)
    if is_causal:
        mask = causal_mask(ops.shape(query)[1], ops.shape(key)[1])[None, None]
    scores = attention_scores(query, key, mask, scale, bias, soft_cap)
    return attention_mix(scores, value)


def _own_kernels():
    """Return the module with the backend's own attention, where it has one."""
    if keras.backend.backend() == "tensorflow":
        return None
    return _module() if _module().has_fused_attention() else None


@_replaceable
def attention_scores(query, key, mask, scale: float, bias=None, soft_cap=None):
    """Return softmax(query . key * scale + bias) over the keys, masked before it.

    Args:
        query: (B, T, N, H).
        key: (B, S, N, H).
        mask: bool, broadcastable to (B, N, T, S), True = attend, or None.
        scale: Factor on the dot products, usually 1 / sqrt(H).
        bias: Added to the scaled products, broadcastable to (B, N, T, S), or None.
        soft_cap: c of c * tanh(x / c), which bounds the scaled products, or None.

    Returns:
        (B, N, T, S), the softmax taken in float32, in the type of `query`. A query
        that may attend to nothing gets equal weights on all keys, never NaN.
    """
    dtype = query.dtype
    # Heads first: on JAX's CPU texts of 2,048 tokens take 1.8 times as long without.
    query, key = _turned(query * ops.cast(scale, dtype)), _turned(key)
    scores = _products("bnth,bnsh->bnts", query, key)
    scores = ops.cast(scores, "float32")
    if soft_cap is not None:
        scores = soft_cap * ops.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + ops.cast(bias, "float32")
    if mask is not None:
        scores = ops.where(mask, scores, ops.cast(MASKED_SCORE, "float32"))
    if scores.shape[-1] == 1:  # all weight on the one key; Keras's softmax warns
        return ops.ones_like(scores, dtype=dtype)
    if keras.backend.backend() == "jax":
        return ops.cast(_module().softmax(scores), dtype)
    return ops.cast(ops.softmax(scores, axis=-1), dtype)


@_replaceable
def attention_mix(scores, value):
    """Return the values mixed by the scores.

    Args:
        scores: (B, N, T, S).
        value: (B, S, N, H).

    Returns:
        (B, T, N, H).
    """
    return _turned(_products("bnts,bnsh->bnth", scores, _turned(value)))


def _products(equation, a, b):
    if _rounds_once(a):
        return _module().whole_products(equation, a, b)
    return ops.einsum(equation, a, b)


def _turned(x):
    """Exchange the axes of positions and heads, either way."""
    return ops.transpose(x, (0, 2, 1, 3))


@_replaceable
def cache_update(cache, x, index):
    """Return a cache with columns from `index` on replaced.

    Args:
        cache: (B, S, K, H).
        x: (B, T, K, H), T at most S - index.
        index: int or scalar int32 tensor.

    Returns:
        (B, S, K, H).
    """
    return ops.slice_update(cache, (0, index, 0, 0), x)


@_replaceable
def lookup(table, ids):
    """Return a table's rows by their numbers.

    Args:
        table: (V, D), a variable or a tensor.
        ids: (...) int32 of [0, V).

    Returns:
        (..., D) in the table's type.
    """
    if keras.backend.backend() == "tensorflow":
        return _module().lookup(table, ids)
    return ops.take(table, ids, axis=0)


def product(x, weight, bias=None, training=None):
    """Return x W + b in the type of `x`.

    Args:
        x: (..., D), any float type.
        weight: (D, F), a variable or a tensor of that type or of a wider one.
        bias: (F,), or None.
        training: Whether gradients of `weight` and `bias` are wanted in their own
            type: sums over all rows that are not rounded to the type of `x`.

    Returns:
        (..., F).
    """
    weight = ops.convert_to_tensor(weight)
    bias = None if bias is None else ops.convert_to_tensor(bias)
    if x.dtype != weight.dtype and not training:
        weight = ops.cast(weight, x.dtype)
        bias = None if bias is None else ops.cast(bias, x.dtype)
    if x.dtype != weight.dtype or _rounds_once(x):
        return _module().product(x, weight, bias)
    y = ops.matmul(x, weight)
    return y if bias is None else ops.add(y, bias)


def _rounds_once(x) -> bool:
    """Return whether products of half precision are asked for as sums of float32."""
    half = keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16")
    return half and keras.backend.backend() == "jax"


def repeated(rows, inputs, dtype, training=None):
    """Return rows that are the same for many inputs, in another type.

    Args:
        rows: (1, T or 1, D).
        inputs: (B, T, D), what the rows are added to.
        dtype: The type wanted.
        training: Whether the gradient of the rows is wanted in their own type: the
            sum over the inputs is not rounded to `dtype`.

    Returns:
        The rows, or (B, T, D) where they are repeated before the cast.
    """
    if training and keras.backend.standardize_dtype(rows.dtype) != dtype:
        rows = ops.broadcast_to(rows, (*ops.shape(inputs)[:2], rows.shape[-1]))
    return ops.cast(rows, dtype)


def _module():
    """Return the module with the kernels of the backend itself."""
    name = keras.backend.backend()
    return importlib.import_module(f"kzoo.layers.{name}_kernels")


KERNELS = (
    "layer_normalization",
    "rms_normalization",
    "gelu",
    "attention",
    "attention_scores",
    "attention_mix",
    "cache_update",
    "lookup",
)
