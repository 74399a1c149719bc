"""How a language model is compiled, and its metrics."""

import keras
from keras import ops

from kzoo.errors import unknown_name
from kzoo.training.optimizers import adamw


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
        loss = keras.losses.sparse_categorical_crossentropy(
            y_true, ops.cast(y_pred, "float32"), from_logits=True
        )
        return super().update_state(loss, sample_weight=sample_weight)

    def result(self):
        """Return the perplexity of all tokens so far."""
        return ops.exp(super().result())


METRICS = ("accuracy", "perplexity")


def compile_language_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | None = None,
    *,
    metrics: tuple[str, ...] = ("accuracy",),
    jit_compile: bool | str = "auto",
) -> None:
    """Compile a causal language model: cross-entropy of the next token, AdamW.

    ```
    loss = sum_bt w_bt * -log softmax(logits_bt)[label_bt] / sum_bt w_bt
    ```

    with the weights of the batch: the mean is over real tokens only.

    Args:
        model: A model of logits (B, T, V), trained on `(inputs, labels, weights)` as
            `kzoo.data.load` gives them.
        optimizer: By default `adamw(6e-4, beta_2=0.95, weight_decay=0.1)`, GPT-3's.
        metrics: Of `"accuracy"` (of the greatest logit) and `"perplexity"`; each
            reads all logits once more, which large vocabularies feel.
        jit_compile: As in `keras.Model.compile`.

    Raises:
        InputError: If a metric is unknown.

    Reference:
        Brown et al. 2020, arXiv:2005.14165, appendix B, for the optimizer.
    """
    made: list[keras.metrics.Metric] = []
    for name in metrics:
        if name == "accuracy":
            made.append(keras.metrics.SparseCategoricalAccuracy(name=name))
        elif name == "perplexity":
            made.append(TokenPerplexity())
        else:
            raise unknown_name("metric of a language model", name, METRICS)
    model.compile(
        optimizer=optimizer or adamw(6e-4, beta_2=0.95, weight_decay=0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=made,
        jit_compile=jit_compile,
    )
