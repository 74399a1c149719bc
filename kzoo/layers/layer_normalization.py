"""Layer normalization with float32 statistics."""

import keras

from kzoo.errors import InputError
from kzoo.layers import kernels


@keras.saving.register_keras_serializable(package="kzoo")
class LayerNormalization(keras.layers.Layer):
    """Normalise the features of each token on their own.

    ```
    y = (x - mean) / sqrt(var + epsilon) * gamma + beta
    ```

    where mean and (biased) variance run over the last axis alone, so that a token's
    result depends on no other token and no other row. The statistics are taken in
    float32 whatever the compute type, and `epsilon` stands inside the root.

    Args:
        epsilon: Added to the variance. GPT-2 needs 1e-5, BERT 1e-12.
        use_scale: Learn gamma, (D,), starting at one.
        use_bias: Learn beta, (D,), starting at zero.

    Call arguments:
        inputs: (..., D) floats.

    Returns:
        (..., D) in the compute type.

    Raises:
        InputError: If `epsilon` is not positive, or D is unknown at build.

    Example:
        >>> import numpy as np
        >>> y = LayerNormalization()(np.array([[1.0, 2.0, 3.0]]))
        >>> print(np.round(keras.ops.convert_to_numpy(y), 3))
        [[-1.225  0.     1.225]]

    Reference:
        Ba, Kiros and Hinton 2016, arXiv:1607.06450, section 3.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-5,
        use_scale: bool = True,
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise InputError(
                "The norm's epsilon keeps the root above zero.",
                f"epsilon={epsilon!r}",
                "Pass a small positive number such as 1e-5.",
            )
        self.epsilon = epsilon
        self.use_scale = use_scale
        self.use_bias = use_bias
        self.supports_masking = True

    def build(self, input_shape):
        """Create gamma and beta, (D,)."""
        hidden_dim = input_shape[-1]
        if hidden_dim is None:
            raise InputError(
                "The last axis must have a fixed size to be normalised.",
                f"input_shape={tuple(input_shape)}",
                "Give the input's last axis its size.",
            )
        self.gamma = self.beta = None
        if self.use_scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(hidden_dim,),
                initializer="ones",
                autocast=False,  # it meets float32 statistics
            )
        if self.use_bias:
            self.beta = self.add_weight(
                name="beta",
                shape=(hidden_dim,),
                initializer="zeros",
                autocast=False,
            )

    def call(self, inputs):
        """Return the normalised inputs, (..., D)."""
        return kernels.layer_normalization(inputs, self.gamma, self.beta, self.epsilon)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "use_scale": self.use_scale,
            "use_bias": self.use_bias,
        }
