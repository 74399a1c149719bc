"""Full float32 products while a model answers for a comparison.

On many GPUs each backend multiplies float32 matrices in TensorFloat-32 unless told
otherwise, which is 10 bits: more apart from the artefact than the contract allows.
"""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Let the backend multiply float32 matrices in float32 for a while."""
    with _CONTEXTS.get(keras.backend.backend(), contextlib.nullcontext)():
        yield


@contextlib.contextmanager
def _tensorflow():
    import tensorflow as tf

    config = tf.config.experimental
    before = config.tensor_float_32_execution_enabled()
    config.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        config.enable_tensor_float_32_execution(before)


def _jax():
    import jax

    return jax.default_matmul_precision("float32")


@contextlib.contextmanager
def _torch():
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


_CONTEXTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
