"""Answers of smaller weights are held to what the model thinks of them."""

import numpy as np
import pytest
from keras import ops

from kzoo.export.comparing import CRITERIA, compare
from kzoo.export.likelihood import shortfall, until_fill
from kzoo.export.signature import IDS, NEW_IDS, Signature

V = 7
SIGNATURE = Signature("generate", IDS, (NEW_IDS,))


def favours(token):
    """Return the logits of a model to which one token is likely everywhere."""

    def logits_of(ids):
        logits = np.zeros((len(ids), V), "float32")
        logits[:, token] = 3.0
        return ops.convert_to_tensor(logits)

    return logits_of


def test_shortfall_is_of_log_probabilities_by_token():
    own, answer = np.array([2, 2, 2]), np.array([2, 5])
    # Of the answer's two tokens one has a logit that is lower by 3.
    assert shortfall(favours(2), own, answer, V) == pytest.approx(1.5, abs=1e-6)
    assert shortfall(favours(2), answer, own, V) == pytest.approx(-1.5, abs=1e-6)
    assert shortfall(favours(2), own, own[:1], V) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("answer", [[], [V], [-1, 2]])
def test_what_is_no_answer_is_infinitely_worse(answer):
    own = np.array([2])
    assert shortfall(favours(2), own, np.array(answer, int), V) == np.inf


def test_what_fills_a_row_up_is_left_out():
    assert until_fill(np.array([3, 0, 4, 0, 0]), 0).tolist() == [3, 0, 4]
    assert until_fill(np.array([0, 0]), 0).tolist() == []


@pytest.mark.parametrize("precision", ["float16", "int8", "int4"])
def test_a_row_may_differ_where_it_is_as_probable(precision):
    wanted = np.arange(20).reshape(10, 2)
    other = wanted.copy()
    other[3] += 1

    def found(loss):
        return compare(
            SIGNATURE,
            [dict.fromkeys(("input_ids", "attention_mask"), wanted)],
            [{"output_ids": other}],
            [{"output_ids": wanted}],
            CRITERIA[precision],
            [],
            explains=lambda *_: False,  # not asked here
            shortfall=lambda call, row, answer: loss,
        )

    allowed = CRITERIA[precision].shortfall
    assert found(allowed - 0.01).passed
    assert found(-1.0).passed
    report = found(allowed + 0.01)
    assert report.rows_identical == 9
    # One of ten is too many for float16 and int8, not for int4.
    assert report.passed == (precision == "int4")


def test_float32_is_excused_by_rounding_alone():
    assert CRITERIA["float32"].shortfall is None
