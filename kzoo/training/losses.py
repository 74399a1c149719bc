"""Losses that Keras lacks."""

import keras
from keras import ops

from kzoo.layers import checks


@keras.saving.register_keras_serializable(package="kzoo")
class SmoothedSparseCrossentropy(keras.losses.Loss):
    """Cross-entropy of integer labels and logits, with label smoothing.

    ```
    loss = -sum_c q_c log softmax(logits)_c,
    q_c = (1 - s) [c = label] + s / classes
    ```

    Keras smooths one-hot labels only. The logarithm is taken in float32.

    Args:
        label_smoothing: s, the share of the target spread over all classes.

    Call arguments:
        y_true: (B,) integers, the labels.
        y_pred: (B, classes) logits.

    Raises:
        InputError: If s is outside [0, 1).

    Example:
        >>> import numpy as np
        >>> loss = SmoothedSparseCrossentropy(label_smoothing=0.1)
        >>> print(round(float(loss(np.array([0]), np.array([[0.0, 0.0]]))), 4))
        0.6931

    Reference:
        Szegedy et al. 2015, arXiv:1512.00567, section 7.
    """

    def __init__(
        self, label_smoothing: float = 0.0, name="smoothed_crossentropy", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        checks.rate(label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Return the loss of each row, (B,)."""
        log_probabilities = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        chosen = ops.take_along_axis(log_probabilities, labels[:, None], axis=-1)
        smoothing = self.label_smoothing
        loss = -(1.0 - smoothing) * chosen[:, 0]
        if smoothing:
            loss = loss - smoothing * ops.mean(log_probabilities, axis=-1)
        return loss

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
