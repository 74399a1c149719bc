"""A learnt factor for each feature of a residual branch."""

import keras
from keras import ops

from kzoo.errors import InputError


@keras.saving.register_keras_serializable(package="kzoo")
class LayerScale(keras.layers.Layer):
    """Multiply each feature by a weight that starts small.

    ```
    y = gamma * x
    ```

    As the `branch_scale` of a `ResidualSublayer` it keeps a deep stack close to the
    identity when training begins, and lets each feature leave it at its own pace.

    Args:
        initial_value: What every element of gamma, (D,), starts at. The paper has
            0.1 up to 18 layers, 1e-5 up to 24 and 1e-6 above.

    Call arguments:
        inputs: x, (..., D).

    Returns:
        y, (..., D).

    Raises:
        InputError: If D is unknown at build.

    Example:
        >>> import numpy as np
        >>> y = LayerScale(initial_value=0.5)(np.ones((1, 3), "float32"))
        >>> print(keras.ops.convert_to_numpy(y))
        [[0.5 0.5 0.5]]

    Reference:
        Touvron et al. 2021, arXiv:2103.17239, section 2.
    """

    def __init__(self, *, initial_value: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.initial_value = initial_value
        self.supports_masking = True

    def build(self, input_shape):
        """Create gamma, (D,)."""
        if input_shape[-1] is None:
            raise InputError(
                "The last axis must have a fixed size to be scaled.",
                f"input_shape={tuple(input_shape)}",
                "Give the input's last axis its size.",
            )
        self.gamma = self.add_weight(
            name="gamma",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial_value),
        )

    def call(self, inputs):
        """Return the scaled inputs, (..., D)."""
        return ops.multiply(inputs, self.gamma)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "initial_value": self.initial_value}
