"""The position-wise feed-forward network."""

import keras

from kzoo.layers import activations, checks


@keras.saving.register_keras_serializable(package="kzoo")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between, at each position alone.

    ```
    y = activation(x W_1 + b_1) W_2 + b_2
    ```

    Args:
        intermediate_dim: F, the inner width (d_ff).
        activation: `"gelu"` (exact), `"gelu_tanh"`, `"relu"`, any name of
            `keras.activations`, or a function.
        use_bias: Whether both layers have biases.
        kernel_initializer: Of the first layer.
        output_initializer: Of the second; by default the same.

    Call arguments:
        inputs: (..., D).

    Returns:
        (..., D).

    Raises:
        InputError: If `intermediate_dim` is not positive or the activation unknown.

    Example:
        >>> import numpy as np
        >>> FeedForward(32)(np.ones((2, 3, 8), "float32")).shape == (2, 3, 8)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.3.
    """

    def __init__(
        self,
        intermediate_dim: int,
        *,
        activation="gelu",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(intermediate_dim=intermediate_dim)
        self.intermediate_dim = intermediate_dim
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        """Create both dense layers."""
        self.inner = self._dense(
            "inner", self.intermediate_dim, self.kernel_initializer
        )
        self.inner.build(input_shape)
        self.outer = self._dense(
            "outer",
            input_shape[-1],
            self.output_initializer or self.kernel_initializer,
        )
        self.outer.build((*input_shape[:-1], self.intermediate_dim))

    def _dense(self, name, units, initializer):
        return keras.layers.Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs):
        """Return the transformed inputs, (..., D)."""
        return self.outer(self.activation(self.inner(inputs)))

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
        }
