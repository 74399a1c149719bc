"""One learnt factor for a whole residual branch, starting at zero."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kzoo")
class ReZero(keras.layers.Layer):
    """Multiply by one weight that starts at zero.

    ```
    y = alpha * x
    ```

    As the `branch_scale` of a `ResidualSublayer` it makes every block the identity
    when training begins, at any depth; usually without a norm
    (`norm_placement="none"`).

    Args:
        initial_value: What alpha, a single number, starts at.

    Call arguments:
        inputs: x, any shape.

    Returns:
        y, the shape of x.

    Raises:
        TypeError: If `initial_value` is not a number.

    Example:
        >>> import numpy as np
        >>> y = ReZero()(np.ones((1, 3), "float32"))
        >>> print(keras.ops.convert_to_numpy(y))
        [[0. 0. 0.]]

    Reference:
        Bachlechner et al. 2020, arXiv:2003.04887, section 3.
    """

    def __init__(self, *, initial_value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_value = float(initial_value)
        self.supports_masking = True

    def build(self, input_shape):
        """Create alpha, a single number."""
        self.alpha = self.add_weight(
            name="alpha",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_value),
        )

    def call(self, inputs):
        """Return the scaled inputs."""
        return ops.multiply(inputs, self.alpha)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "initial_value": self.initial_value}
