"""How good a classifier's probabilities are, in NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy as np

CALIBRATION_BINS = 15


def classification_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    label_names: Sequence[str],
    bins: int = CALIBRATION_BINS,
) -> dict[str, Any]:
    """Return accuracy, F1, confusion and calibration of predictions.

    ```
    precision_c = n_cc / sum_r n_rc      recall_c = n_cc / sum_p n_cp
    F1_c = 2 n_cc / (sum_r n_rc + sum_p n_cp), 0 where class c never occurs
    log_loss = -mean log p(label)        brier = mean sum_c (p_c - [c = label])^2
    ECE = sum_b |B_b| / n * |accuracy(B_b) - confidence(B_b)|
    ```

    with n_rp the count of true label r predicted p, and B_b the examples whose
    greatest probability lies in the b-th of equal bins. Macro F1 is the mean over the
    labels that occur as truth or prediction.

    Args:
        labels: (n,) integers, the true labels.
        probabilities: (n, classes), rows that sum to 1.
        label_names: The name of each class.
        bins: Bins of the calibration.

    Returns:
        Plain numbers and lists, ready for JSON: `examples`, `accuracy`, `macro_f1`,
        `log_loss`, `brier`, `calibration_error`, `labels` (by name: `precision`,
        `recall`, `f1`, `support`), `confusion` (rows are true labels) and
        `calibration` (for each bin that is not empty: `low`, `high`, `count`,
        `confidence`, `accuracy`).

    Raises:
        ValueError: If there is nothing to measure or the shapes do not fit.

    Example:
        >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> metrics = classification_metrics(np.array([0, 1, 1]), p, ["no", "yes"])
        >>> round(metrics["accuracy"], 4), metrics["confusion"]
        (0.6667, [[1, 0], [1, 1]])

    Reference:
        Guo et al. 2017, arXiv:1706.04599, section 2, for the ECE.
    """
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities, "float64")
    count, classes = len(labels), len(label_names)
    if count == 0 or probabilities.shape != (count, classes):
        raise ValueError(
            "Every label has a row of probabilities, one for each name. "
            f"Received: labels={count}, probabilities.shape={probabilities.shape}, "
            f"names={classes}."
        )
    predicted = probabilities.argmax(axis=-1)
    confusion = np.zeros((classes, classes), "int64")
    np.add.at(confusion, (labels, predicted), 1)
    hits = confusion.diagonal()
    actual, chosen = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = _ratio(hits, chosen)
    recall = _ratio(hits, actual)
    f1 = _ratio(2 * hits, actual + chosen)
    occurs = actual + chosen > 0
    of_label = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    targets = np.eye(classes)[labels]
    calibration, error = _calibration(
        probabilities.max(axis=-1), predicted == labels, bins
    )
    per_label = {
        name: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(actual[i]),
        }
        for i, name in enumerate(label_names)
    }
    return {
        "examples": count,
        "accuracy": float(hits.sum() / count),
        "macro_f1": float(f1[occurs].mean()),
        "log_loss": float(-np.log(np.maximum(of_label, 1e-15)).mean()),
        "brier": float(((probabilities - targets) ** 2).sum(axis=1).mean()),
        "calibration_error": error,
        "labels": per_label,
        "confusion": confusion.tolist(),
        "calibration": calibration,
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)


def _calibration(confidence: np.ndarray, correct: np.ndarray, bins: int):
    # Right-closed bins, as in the reference: (0, 1/b], (1/b, 2/b], ...
    index = np.clip(np.ceil(confidence * bins).astype("int64") - 1, 0, bins - 1)
    rows, error = [], 0.0
    for b in range(bins):
        inside = index == b
        size = int(inside.sum())
        if not size:
            continue
        mean, accuracy = float(confidence[inside].mean()), float(correct[inside].mean())
        error += size / len(confidence) * abs(accuracy - mean)
        rows.append(
            {
                "low": b / bins,
                "high": (b + 1) / bins,
                "count": size,
                "confidence": mean,
                "accuracy": accuracy,
            }
        )
    return rows, float(error)
