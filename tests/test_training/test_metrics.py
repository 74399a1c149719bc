"""Classification metrics, against values worked out by hand."""

import numpy as np
import pytest

from kzoo.training import classification_metrics

pytestmark = pytest.mark.backend_free

NAMES = ("a", "b", "c")


def one_hot(labels, sure=1.0):
    rest = (1.0 - sure) / (len(NAMES) - 1)
    rows = np.full((len(labels), len(NAMES)), rest)
    rows[np.arange(len(labels)), labels] = sure
    return rows


def test_figures_of_a_small_confusion():
    truth = np.array([0, 0, 0, 1, 1, 2, 2])
    found = np.array([0, 0, 1, 1, 2, 2, 0])
    metrics = classification_metrics(truth, one_hot(found), NAMES)
    assert metrics["confusion"] == [[2, 1, 0], [0, 1, 1], [1, 0, 1]]
    assert metrics["accuracy"] == pytest.approx(4 / 7)
    labels = metrics["labels"]
    assert labels["a"]["precision"] == pytest.approx(2 / 3)
    assert labels["a"]["recall"] == pytest.approx(2 / 3)
    assert labels["a"]["f1"] == pytest.approx(2 / 3)
    assert labels["b"]["f1"] == pytest.approx(1 / 2)
    assert [labels[name]["support"] for name in NAMES] == [3, 2, 2]
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert metrics["examples"] == 7


def test_perfect_predictions():
    truth = np.array([0, 1, 2, 1])
    metrics = classification_metrics(truth, one_hot(truth), NAMES)
    assert metrics["accuracy"] == metrics["macro_f1"] == 1.0
    assert metrics["log_loss"] == metrics["brier"] == 0.0
    assert metrics["calibration_error"] == 0.0


def test_log_loss_and_brier_of_unsure_predictions():
    truth = np.array([0, 1])
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.25, 0.25]])
    metrics = classification_metrics(truth, probabilities, NAMES)
    expected = -(np.log(0.5) + np.log(0.25)) / 2
    assert metrics["log_loss"] == pytest.approx(expected)
    first = 0.5**2 + 0.3**2 + 0.2**2
    second = 0.5**2 + 0.75**2 + 0.25**2
    assert metrics["brier"] == pytest.approx((first + second) / 2)


def test_calibration_error_is_the_weighted_gap():
    # Ten at 0.8 of which six are right, five at 0.95 all right.
    truth = np.array([0] * 6 + [1] * 4 + [0] * 5)
    scores = np.array([0.8] * 10 + [0.95] * 5)
    probabilities = np.stack([scores, 1 - scores], axis=-1)
    metrics = classification_metrics(truth, probabilities, ("a", "b"), bins=10)
    expected = 10 / 15 * 0.2 + 5 / 15 * 0.05
    assert metrics["calibration_error"] == pytest.approx(expected)
    low, high = metrics["calibration"]
    assert (low["low"], low["high"], low["count"]) == (0.7, 0.8, 10)
    assert low["accuracy"] == pytest.approx(0.6)
    assert high["count"] == 5


def test_a_label_that_never_occurs_is_out_of_the_macro_f1():
    truth = np.array([0, 1])
    metrics = classification_metrics(truth, one_hot(truth, sure=0.8), NAMES)
    assert metrics["labels"]["c"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 0,
    }
    assert metrics["macro_f1"] == 1.0


@pytest.mark.parametrize(
    ("count", "shape"), [(0, (0, 3)), (2, (3, 3)), (2, (2, 2))], ids=str
)
def test_shapes_that_do_not_fit(count, shape):
    with pytest.raises(ValueError, match="Every label has a row of probabilities"):
        classification_metrics(np.zeros(count, "int32"), np.ones(shape), NAMES)
