"""Perplexity as a metric of `fit` and `evaluate`."""

import keras
from keras import ops

from kzoo.training.losses import token_crossentropy


@keras.saving.register_keras_serializable(package="kzoo")
class TokenPerplexity(keras.metrics.Mean):
    """The exponential of the mean cross-entropy of all tokens so far.

    ```
    perplexity = exp(sum_bt w_bt * -log softmax(logits_bt)[label_bt] / sum_bt w_bt)
    ```

    Keras's loss is a mean over batches; this is one over tokens, exact whatever the
    batches hold.

    Call arguments:
        y_true: (B, T) integers, the tokens that follow.
        y_pred: (B, T, V) logits.
        sample_weight: (B, T), 0 where nothing follows.

    Example:
        >>> import numpy as np
        >>> metric = TokenPerplexity()
        >>> metric.update_state(np.array([[1, 0]]), np.zeros((1, 2, 5)))
        >>> round(float(metric.result()), 4)
        5.0
    """

    def __init__(self, name: str = "perplexity", dtype=None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add the tokens of a batch."""
        loss = token_crossentropy(y_true, y_pred)
        return super().update_state(loss, sample_weight=sample_weight)

    def result(self):
        """Return the perplexity of all tokens so far."""
        return ops.exp(super().result())
