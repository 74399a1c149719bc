"""Root-mean-square normalization with float32 statistics."""

import keras

from kzoo.errors import InputError
from kzoo.layers import kernels


@keras.saving.register_keras_serializable(package="kzoo")
class RMSNormalization(keras.layers.Layer):
    """Divide the features of each token by their root mean square.

    ```
    y = x / sqrt(mean(x^2) + epsilon) * gamma
    ```

    A `LayerNormalization` that neither centres nor shifts: cheaper, and as good in
    deep language models. The statistics are taken in float32 whatever the compute
    type, and `epsilon` stands inside the root.

    Args:
        epsilon: Added to the mean square. Llama 2 has 1e-5, T5 1e-6.
        use_scale: Learn gamma, (D,), starting at one.

    Call arguments:
        inputs: x, (..., D) floats.

    Returns:
        y, (..., D), in the compute type.

    Raises:
        InputError: If `epsilon` is not positive, or D is unknown at build.

    Example:
        >>> import numpy as np
        >>> y = RMSNormalization()(np.array([[1.0, -1.0, 2.0]]))
        >>> print(np.round(keras.ops.convert_to_numpy(y), 3))
        [[ 0.707 -0.707  1.414]]

    Reference:
        Zhang and Sennrich 2019, arXiv:1910.07467, section 4.
    """

    def __init__(self, *, epsilon: float = 1e-5, use_scale: bool = True, **kwargs):
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise InputError(
                "The norm's epsilon keeps the root above zero.",
                f"epsilon={epsilon!r}",
                "Pass a small positive number such as 1e-5.",
            )
        self.epsilon = epsilon
        self.use_scale = use_scale
        self.supports_masking = True

    def build(self, input_shape):
        """Create gamma, (D,)."""
        hidden_dim = input_shape[-1]
        if hidden_dim is None:
            raise InputError(
                "The last axis must have a fixed size to be normalised.",
                f"input_shape={tuple(input_shape)}",
                "Give the input's last axis its size.",
            )
        self.gamma = None
        if self.use_scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(hidden_dim,),
                initializer="ones",
                autocast=False,  # it meets float32 statistics
            )

    def call(self, inputs):
        """Return the normalised inputs, (..., D)."""
        return kernels.rms_normalization(inputs, self.gamma, self.epsilon)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "use_scale": self.use_scale,
        }
