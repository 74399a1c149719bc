"""One seed for everything that draws at random."""

import random

import keras
import numpy as np

from kzoo.errors import InputError


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and the backend: start weights and dropout follow from it.

    It does what `keras.utils.set_random_seed` does, but on JAX and PyTorch without
    importing TensorFlow.

    Args:
        seed: 0 or more, below 2**32.

    Raises:
        InputError: If the seed is out of range.

    Example:
        >>> set_seed(3)
        >>> first = random.random()
        >>> set_seed(3)
        >>> random.random() == first
        True
    """
    if not 0 <= seed < 2**32:
        raise InputError(
            "A seed is a whole number of 0 or more, below 2**32.", f"seed={seed}"
        )
    backend = keras.backend.backend()
    if backend == "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    # Keras draws the seeds of initializers and dropout from Python's generator.
    random.seed(seed)
    np.random.seed(seed)
    if backend == "torch":
        import torch

        torch.manual_seed(seed)
