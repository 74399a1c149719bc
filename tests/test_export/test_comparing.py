import numpy as np
import pytest

from kzoo.export.comparing import CRITERIA, compare
from kzoo.export.signature import Signature, TensorSpec

pytestmark = pytest.mark.backend_free

SIGNATURE = Signature(
    "text",
    (TensorSpec("text", "string", ("batch",)),),
    (
        TensorSpec("label", "string", ("batch",)),
        TensorSpec("scores", "float32", ("batch", 2)),
    ),
    "text.onnx",
    "onnxruntime-extensions",
)


def outputs(*first_scores):
    first = np.array(first_scores, dtype="float64")
    scores = np.stack([first, 1 - first], axis=1)
    labels = np.array([b"a" if x >= 0.5 else b"b" for x in first], dtype=object)
    return {"label": labels, "scores": scores}


def report(answer, wanted, precision="float32", reasons=()):
    call = {"text": np.empty(len(wanted["scores"]), dtype=object)}
    return compare(
        SIGNATURE, [call], [answer], [wanted], CRITERIA[precision], list(reasons)
    )


def test_equal_answers_pass():
    found = report(outputs(0.9, 0.2), outputs(0.9, 0.2))
    assert found.passed
    assert found.identical
    assert (found.max_absolute, found.rows, found.shapes) == (0.0, 2, ((2,),))


def test_the_float32_criteria_are_those_of_the_contract():
    assert CRITERIA["float32"].absolute == 1e-4
    assert CRITERIA["float32"].relative == 0.0
    assert CRITERIA["float32"].scores == 1e-5
    assert CRITERIA["float32"].agreement == 1.0


@pytest.mark.parametrize(("by", "passes"), [(0.9e-5, True), (1.1e-5, False)])
def test_scores_are_held_to_1e_5(by, passes):
    found = report(outputs(0.9 + by), outputs(0.9))
    assert found.passed == passes
    assert found.max_absolute == pytest.approx(by)
    assert found.worst_output == "scores"
    assert found.tolerance == 1e-5


def test_another_label_fails():
    answer = outputs(0.9, 0.2)
    answer["label"] = answer["label"][::-1]
    found = report(answer, outputs(0.9, 0.2))
    assert not found.passed
    assert (found.rows, found.rows_identical) == (2, 0)
    assert "2 of 2 decided rows" in found.reasons[0]


def test_a_tie_within_the_tolerance_is_no_other_answer():
    found = report(outputs(0.5 - 1e-6), outputs(0.5 + 1e-6))
    assert found.passed
    assert not found.identical


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_never_pass(value):
    answer = outputs(0.9, 0.2)
    answer["scores"][1, 0] = value
    for precision in CRITERIA:
        assert not report(answer, outputs(0.9, 0.2), precision).passed


def test_another_shape_and_a_missing_output_fail():
    found = report(outputs(0.9), outputs(0.9, 0.2))
    assert any("has shape (1, 2)" in reason for reason in found.reasons)
    found = report({"label": outputs(0.9)["label"]}, outputs(0.9))
    assert any("no output scores" in reason for reason in found.reasons)


def test_known_reasons_fail():
    found = report(outputs(0.9), outputs(0.9), reasons=["The axes differ."])
    assert found.reasons == ("The axes differ.",)
    assert not found.passed


def test_integers_must_be_identical():
    ids = Signature("ids", (), (TensorSpec("ids", "int64", ("batch", "sequence")),))
    wanted = {"ids": np.arange(6).reshape(2, 3)}
    answer = {"ids": wanted["ids"] + np.array([[0, 0, 0], [0, 0, 1]])}
    call = {"x": np.zeros((2, 3))}
    found = compare(ids, [call], [answer], [wanted], CRITERIA["float32"], [])
    assert not found.passed
    assert (found.rows, found.rows_identical) == (2, 1)


def test_quantised_precisions_report_what_they_lose():
    wanted, answer = outputs(0.9, 0.2), outputs(0.85, 0.2)
    assert not report(answer, wanted, "float16").passed
    found = report(answer, wanted, "int8")
    assert found.passed
    assert found.max_absolute == pytest.approx(0.05)
