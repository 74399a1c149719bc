"""How a classifier is compiled, by default and by the command line."""

import keras

from kzoo.training.losses import SmoothedSparseCrossentropy
from kzoo.training.optimizers import adamw


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
    jit_compile: bool | str = "auto",
) -> None:
    """Compile a language model: cross-entropy of the next tokens, AdamW.

    The loss is averaged over the positions that sample weights count, so that
    padding has no part in it.

    Args:
        model: A model of logits (B, T, V).
        optimizer: By default `adamw(5e-5)`, for fine-tuning.
        jit_compile: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer or adamw(),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        jit_compile=jit_compile,
    )
