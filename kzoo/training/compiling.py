"""How models are compiled, by default and by the command line."""

import keras

from kzoo.errors import unknown_name
from kzoo.training.losses import SmoothedSparseCrossentropy
from kzoo.training.optimizers import adamw
from kzoo.training.token_metrics import TokenPerplexity

LANGUAGE_MODEL_METRICS = ("accuracy", "perplexity")


def compile_classifier(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | None = None,
    *,
    label_smoothing: float = 0.0,
    jit_compile: bool | str = "auto",
) -> None:
    """Compile a classifier: cross-entropy on its logits, accuracy, AdamW.

    Args:
        model: A model of logits (B, classes).
        optimizer: By default `adamw(5e-5)`, for fine-tuning.
        label_smoothing: See `SmoothedSparseCrossentropy`.
        jit_compile: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer or adamw(),
        loss=SmoothedSparseCrossentropy(label_smoothing),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=jit_compile,
    )


def compile_language_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | None = None,
    *,
    metrics: tuple[str, ...] = (),
    jit_compile: bool | str = "auto",
) -> None:
    """Compile a language model: cross-entropy of the next token, AdamW.

    ```
    loss = sum_bt w_bt * -log softmax(logits_bt)[label_bt] / sum_bt w_bt
    ```

    with the weights of the batch, so that padding has no part in it.

    Args:
        model: A model of logits (B, T, V), trained on `(inputs, labels, weights)` as
            `kzoo.data.load` gives them.
        optimizer: By default `adamw(5e-5)`, for fine-tuning.
        metrics: Of `"accuracy"` (of the greatest logit) and `"perplexity"`; each
            reads all logits once more, which large vocabularies feel.
        jit_compile: As in `keras.Model.compile`.

    Raises:
        InputError: If a metric is unknown.
    """
    unknown = [name for name in metrics if name not in LANGUAGE_MODEL_METRICS]
    if unknown:
        raise unknown_name(
            "metric of a language model", unknown[0], LANGUAGE_MODEL_METRICS
        )
    made: dict[str, keras.metrics.Metric] = {
        name: TokenPerplexity()
        if name == "perplexity"
        else keras.metrics.SparseCategoricalAccuracy(name=name)
        for name in metrics
    }
    model.compile(
        optimizer=optimizer or adamw(),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=list(made.values()) or None,
        jit_compile=jit_compile,
    )
