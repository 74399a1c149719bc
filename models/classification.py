"""From texts to labels with a classifier."""

from typing import NamedTuple

import keras
import numpy as np


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

    Texts of like length share a batch, padded to a multiple of 16.

    Args:
        model: A classifier with a tokenizer.
        texts: Texts or pairs of texts.
        batch_size: How many run at once.
        progress: Called with the number done and the number of all, or None.

    Returns:
        float32 (texts, classes).
    """
    texts = list(texts)
    logits = np.zeros((len(texts), len(model.label_names)), "float32")
    encoded = model.require_tokenizer().encode_batch(texts, model.max_sequence_length)
    order = np.argsort([-len(ids) for ids in encoded.ids], kind="stable")
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = pad_batch(
            [encoded.ids[i] for i in chosen],
            [encoded.segment_ids[i] for i in chosen] if model.num_segments else None,
            pad_id=model.tokenizer.pad_id,
            max_length=model.max_sequence_length,
        )
        logits[chosen] = keras.ops.convert_to_numpy(model.predict_on_batch(batch))
        if progress:
            progress(start + len(chosen), len(order))
    return logits


def pad_batch(
    ids, segment_ids=None, *, pad_id=0, max_length=None, multiple=16
) -> dict[str, np.ndarray]:
    """Return rows of ids as one padded batch, (B, T).

    Args:
        ids: Rows of ids.
        segment_ids: Rows of segment ids, or None.
        pad_id: The id that fills up.
        max_length: The longest T.
        multiple: T is a multiple of it, unless `max_length` is shorter.

    Returns:
        `token_ids`, `padding_mask` and, if given, `segment_ids`.
    """
    longest = max((len(row) for row in ids), default=1)
    length = -(-longest // multiple) * multiple
    length = min(length, max_length) if max_length else length
    token_ids = np.full((len(ids), length), pad_id, "int32")
    padding_mask = np.zeros((len(ids), length), "bool")
    batch = {"token_ids": token_ids, "padding_mask": padding_mask}
    if segment_ids is not None:
        batch["segment_ids"] = np.zeros((len(ids), length), "int32")
    for row, values in enumerate(ids):
        token_ids[row, : len(values)] = values
        padding_mask[row, : len(values)] = True
        if segment_ids is not None:
            batch["segment_ids"][row, : len(values)] = segment_ids[row]
    return batch
