"""From the vectors of a sequence to one vector."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kzoo")
class MaskedMeanPooling(keras.layers.Layer):
    """Take the mean over real tokens.

    ```
    y = sum_t mask_t x_t / max(sum_t mask_t, 1)
    ```

    The sums are taken in float32. A row with no real token gives zeros.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T) bool, True = real token, or None for all real.

    Returns:
        (B, D) in the compute type.

    Example:
        >>> import numpy as np
        >>> x, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
        >>> float(MaskedMeanPooling()(x, mask)[0, 0])
        2.0

    Reference:
        Reimers and Gurevych 2019, arXiv:1908.10084, section 3.
    """

    def call(self, inputs, padding_mask=None):
        """Return the mean of the real tokens, (B, D)."""
        x = ops.cast(inputs, "float32")
        if padding_mask is None:
            mean = ops.mean(x, axis=1)
        else:
            weight = ops.cast(padding_mask, "float32")[:, :, None]  # (B, T, 1)
            count = ops.maximum(ops.sum(weight, axis=1), 1.0)
            mean = ops.sum(x * weight, axis=1) / count  # (B, D)
        return ops.cast(mean, self.compute_dtype)

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        """Return (B, D)."""
        return (inputs_shape[0], inputs_shape[-1])


@keras.saving.register_keras_serializable(package="kzoo")
class FirstTokenPooling(keras.layers.Layer):
    """Take the first token's vector, BERT's [CLS].

    Call arguments:
        inputs: (B, T, D).
        padding_mask: Not used; every pooling is called alike.

    Returns:
        (B, D).

    Example:
        >>> import numpy as np
        >>> float(FirstTokenPooling()(np.array([[[1.0], [3.0]]]))[0, 0])
        1.0

    Reference:
        Devlin et al. 2018, arXiv:1810.04805, section 3.
    """

    def call(self, inputs, padding_mask=None):
        """Return the first token's vector, (B, D)."""
        return inputs[:, 0]

    def compute_output_shape(self, inputs_shape, padding_mask_shape=None):
        """Return (B, D)."""
        return (inputs_shape[0], inputs_shape[-1])
