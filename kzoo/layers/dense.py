"""Dense layers whose weights have exact gradients in mixed precision."""

import keras
from keras import ops

from kzoo.layers import kernels


@keras.saving.register_keras_serializable(package="kzoo")
class Dense(keras.layers.Dense):
    """Keras's dense layer, its weights' gradients added up in the weights' own type.

    ```
    y = activation(x W + b),        dW = sum x^T dy,        db = sum dy
    ```

    with the sums over all tokens of the batch. Under `mixed_bfloat16` and
    `mixed_float16` the products are of half precision, and Keras rounds their sums to
    it as well: to 8 or 11 bits, before the optimizer sees them. This layer adds up and
    hands on float32. So a batch cut over several devices has the gradient of the whole
    batch, small gradients do not vanish beside large ones, and a sum beyond 65,504 is
    no reason to skip a step in float16. In float32 it is Keras's layer.

    Args:
        units: Width of the output.
        activation: As in `keras.layers.Dense`, as all that follows.
        **kwargs: The other arguments of `keras.layers.Dense`.

    Call arguments:
        inputs: (..., D).

    Returns:
        (..., units).

    Example:
        >>> import numpy as np
        >>> Dense(3)(np.ones((2, 5), "float32")).shape == (2, 3)
        True

    Reference:
        Micikevicius et al. 2018, arXiv:1710.03740, section 3.3.
    """

    def add_weight(self, *args, **kwargs):
        """Create a weight; kernel and bias are cast where they are used."""
        if kwargs.get("name") in ("kernel", "bias"):
            kwargs["autocast"] = False
        return super().add_weight(*args, **kwargs)

    def call(self, inputs, training=None):
        """Return the outputs, (..., units)."""
        x = kernels.product(inputs, self.kernel, self.bias, training)
        return x if self.activation is None else self.activation(x)

    def quantized_call(self, *args, **kwargs):
        """Return the outputs of quantised weights, in the compute type."""
        return ops.cast(super().quantized_call(*args, **kwargs), self.compute_dtype)

    def quantize(self, mode=None, type_check=True, config=None):
        """Quantise the kernel as Keras does its own layers'."""
        super().quantize(mode, type_check=False, config=config)
