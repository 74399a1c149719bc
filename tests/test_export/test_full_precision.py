import keras
import pytest

from kzoo.export.full_precision import full_precision


def setting():
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.tensor_float_32_execution_enabled()
    if backend == "jax":
        import jax

        return jax.config.jax_default_matmul_precision
    import torch

    return torch.get_float32_matmul_precision()


def test_products_are_in_float32_for_a_while():
    before = setting()
    with pytest.raises(ValueError, match="inside"), full_precision():  # noqa: PT012
        assert setting() in (False, "float32", "highest")
        raise ValueError("inside")
    assert setting() == before
