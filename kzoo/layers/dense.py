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
        activation: A function or its name, or None.
        use_bias: Whether b is added.
        kernel_initializer: Of W, (D, units).
        bias_initializer: Of b, (units,).
        **kwargs: The other arguments of `keras.layers.Dense`, by name.

    Call arguments:
        inputs: (..., D).
        training: Whether gradients of the weights will be asked for.

    Returns:
        (..., units).

    Raises:
        ValueError: If `units` is not a positive whole number.

    Example:
        >>> import numpy as np
        >>> Dense(3)(np.ones((2, 5), "float32")).shape == (2, 3)
        True

    Reference:
        Micikevicius et al. 2018, arXiv:1710.03740, section 3.3.
    """

    def __init__(
        self,
        units: int,
        *,
        activation=None,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )

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
