"""The values of variables in this machine's memory, whatever device they lie on."""

import keras
import numpy as np


def host_view(variable: keras.Variable) -> np.ndarray:
    """Return a variable's value as an array that may share its memory.

    It holds until the next step only: copy what is to be kept.

    Args:
        variable: A variable of the backend in use, whole or in parts on devices.

    Returns:
        The value, to be read only.

    Example:
        >>> host_view(keras.Variable([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return _VIEWS[keras.backend.backend()](variable)


def _of_tensorflow(variable):
    # Not `numpy()` of the variable, which copies.
    return np.asarray(variable.value.read_value())


def _of_jax(variable):
    value = variable.value
    if not value.is_fully_addressable:
        # Every process of the group has to take part in this.
        from jax.experimental import multihost_utils

        value = multihost_utils.process_allgather(value, tiled=True)
    return np.asarray(value)


def _of_torch(variable):
    value = variable.value.detach().cpu()
    if value.dtype.is_floating_point and value.dtype.itemsize < 4:
        return keras.ops.convert_to_numpy(value)  # NumPy has no bfloat16 of its own
    return value.numpy()


_VIEWS = {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}
