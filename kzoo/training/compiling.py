"""How models are compiled, by default and by the command line."""

import keras

from kzoo.errors import unknown_name
from kzoo.training.losses import SmoothedSparseCrossentropy, TokenCrossentropy
from kzoo.training.optimizers import adamw
from kzoo.training.token_metrics import TokenPerplexity

TOKEN_METRICS = ("accuracy", "perplexity")


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
    model.compile(
        optimizer=optimizer or adamw(),
        loss=TokenCrossentropy(reduction="mean_with_sample_weight"),
        weighted_metrics=_token_metrics("a language model", metrics),
        jit_compile=jit_compile,
    )


def compile_translator(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer | None = None,
    *,
    label_smoothing: float = 0.1,
    metrics: tuple[str, ...] = (),
    jit_compile: bool | str = "auto",
) -> None:
    """Compile a translator: smoothed cross-entropy of each target token, AdamW.

    ```
    loss = sum_bt w_bt * smoothed(logits_bt, label_bt) / sum_bt w_bt
    ```

    with the weights of the batch, so that padding has no part in it; `smoothed` is
    `SmoothedSparseCrossentropy`.

    Args:
        model: A model of logits (B, T, V), trained on `(inputs, labels, weights)` as
            `kzoo.data.load` gives them.
        optimizer: By default `adamw(5e-5)`, for fine-tuning.
        label_smoothing: The share of the target spread over the vocabulary.
        metrics: Of `"accuracy"` (of the greatest logit) and `"perplexity"` (of the
            labels alone, without smoothing).
        jit_compile: As in `keras.Model.compile`.

    Raises:
        InputError: If a metric is unknown or the smoothing out of range.

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 5.4.
    """
    model.compile(
        optimizer=optimizer or adamw(),
        loss=SmoothedSparseCrossentropy(
            label_smoothing, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=_token_metrics("a translator", metrics),
        jit_compile=jit_compile,
    )


def _token_metrics(what: str, names: tuple[str, ...]):
    """Return metrics by name, as `compile` takes them.

    Raises:
        InputError: If one is unknown.
    """
    for name in names:
        if name not in TOKEN_METRICS:
            raise unknown_name(f"metric of {what}", name, TOKEN_METRICS)
    made: dict[str, keras.metrics.Metric] = {
        name: TokenPerplexity()
        if name == "perplexity"
        else keras.metrics.SparseCategoricalAccuracy(name=name)
        for name in names
    }
    return list(made.values()) or None
