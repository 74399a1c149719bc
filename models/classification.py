"""From texts to labels with a classifier."""

from typing import NamedTuple

import keras
import numpy as np

from kzoo.data import token_batches_of


class Classification(NamedTuple):
    """What a classifier says of a text.

    Args:
        label: The most probable label's name.
        score: Its probability.
        scores: The probability of each label by name.
    """

    label: str
    score: float
    scores: dict[str, float]


def classify(model, texts, *, batch_size: int = 32) -> list[Classification]:
    """Return the label and scores of each text; see `TextClassifier.classify`."""
    if isinstance(texts, str | bytes):
        texts = [texts]
    scores = softmax(predict_logits(model, texts, batch_size=batch_size))
    names = model.label_names
    return [
        Classification(
            names[int(row.argmax())],
            float(row.max()),
            dict(zip(names, row.tolist(), strict=True)),
        )
        for row in scores
    ]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits over the last axis, in float64."""
    logits = logits.astype("float64")
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def predict_logits(model, texts, *, batch_size: int = 32, progress=None) -> np.ndarray:
    """Return the logits of texts, (texts, classes), in the given order.

    Texts of like length share a batch.

    Args:
        model: A classifier with a tokenizer.
        texts: Texts or pairs of texts.
        batch_size: How many run at once.
        progress: Called with the number done and the number of all, or None.

    Returns:
        float32 (texts, classes).
    """
    texts = list(texts)
    if not texts:
        return np.zeros((0, len(model.label_names)), "float32")
    batches = token_batches_of(
        texts,
        model.require_tokenizer(),
        batch_size=batch_size,
        shuffle=False,
        max_length=model.max_sequence_length,
    )
    logits = []
    for step in range(len(batches)):
        (inputs,) = batches.batch(0, step)
        logits.append(keras.ops.convert_to_numpy(model.predict_on_batch(inputs)))
        if progress:
            progress(min((step + 1) * batch_size, len(texts)), len(texts))
    return np.concatenate(logits)[batches.order.inverse]
