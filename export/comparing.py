"""Comparing the answers of an artefact with those of its model."""

import dataclasses
import functools

import numpy as np

from kzoo.export.report import Criteria, SignatureReport
from kzoo.export.signature import Signature

# float32 is never widened; the others are what such weights can be held to.
CRITERIA = {
    "float32": Criteria(absolute=1e-4, relative=0.0, scores=1e-5),
    "float16": Criteria(
        absolute=5e-2, relative=5e-3, scores=1e-2, agreement=0.99, shortfall=0.05
    ),
    "int8": Criteria(
        absolute=np.inf, relative=0.1, scores=0.1, agreement=0.97, shortfall=0.25
    ),
    "int4": Criteria(
        absolute=np.inf, relative=0.3, scores=0.3, agreement=0.9, shortfall=0.75
    ),
}


@dataclasses.dataclass
class Worst:
    """The greatest differences seen so far, and where."""

    absolute: float = 0.0
    relative: float = 0.0
    output: str = ""
    tolerance: float = 0.0
    excess: float = -np.inf
    rows: int = 0
    rows_identical: int = 0
    decided: int = 0
    decided_identical: int = 0


def compare(
    signature: Signature,
    calls: list[dict[str, np.ndarray]],
    answers: list[dict[str, np.ndarray]],
    expected: list[dict[str, np.ndarray]],
    criteria: Criteria,
    reasons: list[str],
    *,
    explains=None,
    shortfall=None,
    fill_id: int = 0,
) -> SignatureReport:
    """Return how a signature's answers compare with what the model says.

    Args:
        signature: The signature that was run.
        calls: The inputs of each call.
        answers: The artefact's outputs of each call.
        expected: The model's outputs of each call.
        criteria: What is allowed.
        reasons: Why the signature is already known to be wrong.
        explains: Of generated outputs; see `kzoo.export.plan.Plan`.
        shortfall: Likewise.
        fill_id: Likewise.

    Returns:
        The report.
    """
    worst, reasons = Worst(), list(reasons)
    for index, (answer, wanted) in enumerate(zip(answers, expected, strict=True)):
        same = slice(None)
        if explains is not None and _as_many_rows(answer, wanted):
            asked = _asked(index, criteria, explains, shortfall)
            same = _generated(worst, answer, wanted, asked, fill_id)
        for name, value in wanted.items():
            if name not in answer:
                reasons.append(f"{signature.name} has no output {name}.")
            elif explains is not None and value.dtype.kind != "f":
                if len(answer[name]) != len(value):
                    reasons.append(_other_shape(signature, name, answer, wanted))
            elif answer[name].shape != value.shape:
                reasons.append(_other_shape(signature, name, answer, wanted))
            elif value.dtype.kind == "f":
                # Of another text, a score is another one.
                _floats(worst, name, answer[name][same], value[same], criteria)
            else:
                _exact(worst, name, answer[name], value)
        _labels(worst, answer, wanted, criteria)
    if not worst.excess <= 0:
        reasons.append(
            f"{signature.name}: {worst.output} differs by {worst.absolute:.3g}, "
            f"{worst.tolerance:.3g} is allowed."
        )
    if worst.decided_identical < criteria.agreement * worst.decided:
        reasons.append(
            f"{signature.name}: {worst.decided - worst.decided_identical} of "
            f"{worst.decided} decided rows have another label, other ids or another "
            "text."
        )
    specs = (*signature.inputs, *signature.outputs)
    return SignatureReport(
        name=signature.name,
        path=signature.path,
        shapes=tuple(next(iter(call.values())).shape for call in calls),
        dtypes={spec.name: spec.dtype for spec in specs},
        max_absolute=worst.absolute,
        max_relative=worst.relative,
        worst_output=worst.output,
        tolerance=worst.tolerance,
        rows=worst.rows,
        rows_identical=worst.rows_identical,
        passed=not reasons,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _floats(worst, name, answer, wanted, criteria):
    if not wanted.size:
        return
    same = (answer == wanted) | (np.isnan(answer) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        difference = np.abs(answer.astype("float64") - wanted)
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    absolute = float(difference.max())
    finite = wanted[np.isfinite(wanted)]
    size = float(np.abs(finite).max()) if finite.size else 0.0
    if name == "scores":
        tolerance = criteria.scores
    elif np.isinf(criteria.absolute):
        tolerance = criteria.relative * max(size, 1.0)
    else:
        tolerance = criteria.absolute + criteria.relative * size
    excess = absolute - tolerance
    worst.relative = max(worst.relative, absolute / max(size, 1e-12))
    if excess > worst.excess or not worst.output:
        worst.excess, worst.output, worst.tolerance = excess, name, tolerance
    worst.absolute = max(worst.absolute, absolute)


def _exact(worst, name, answer, wanted):
    """Count rows that are not equal in strings, integers or booleans."""
    if wanted.dtype == object or name == "label":
        return
    same = (answer == wanted).reshape(len(wanted), -1).all(axis=1)
    worst.rows += len(same)
    worst.rows_identical += int(same.sum())
    worst.decided += len(same)
    worst.decided_identical += int(same.sum())
    worst.output = worst.output or name


def _asked(index, criteria, explains, shortfall):
    """Return the function of a row and another answer to whether that is excused."""
    if not criteria.agreement:
        return None  # asking takes long; where agreement is not asked for, nobody does
    if criteria.shortfall is None:
        return functools.partial(explains, index)
    if shortfall is None:
        return None
    return lambda row, answer: shortfall(index, row, answer) <= criteria.shortfall


def _other_shape(signature, name, answer, wanted):
    return (
        f"{signature.name}: {name} has shape {answer[name].shape}, the model's has "
        f"{wanted[name].shape}."
    )


def _as_many_rows(answer, wanted):
    return all(len(answer.get(name, ())) == len(x) for name, x in wanted.items())


def _generated(worst, answer, wanted, explains, fill_id):
    """Count rows of ids or texts that differ, and those that rounding explains.

    Returns:
        Which rows are the same, (B,) bool.
    """
    (name,) = (name for name, value in wanted.items() if value.dtype.kind != "f")
    found, value = answer[name], wanted[name]
    if value.ndim == 2:
        # A row that goes on makes the others wider, with nothing in them.
        width = max(found.shape[1], value.shape[1])
        found, value = (_widened(x, width, fill_id) for x in (found, value))
    same = found == value
    same = same.all(axis=1) if same.ndim == 2 else same.astype(bool)
    decided = [
        s or explains is None or not explains(row, found[row])
        for row, s in enumerate(same)
    ]
    worst.rows += len(same)
    worst.rows_identical += int(same.sum())
    worst.decided += sum(decided)
    worst.decided_identical += int(same.sum())
    worst.output = worst.output or name
    return same


def _widened(rows, width, fill_id):
    more = ((0, 0), (0, width - rows.shape[1]))
    return np.pad(rows, more, constant_values=fill_id)


def _labels(worst, answer, wanted, criteria):
    """Count rows whose label differs, and those that the scores decide."""
    scores, given = _scores_and_labels(wanted), _scores_and_labels(answer)
    if scores is None or given is None or scores[0].shape != given[0].shape:
        return
    same = scores[1] == given[1]
    best = np.sort(scores[0], axis=1)[:, -2:]
    decided = best[:, 1] - best[:, 0] > criteria.scores
    worst.rows += len(same)
    worst.rows_identical += int(same.sum())
    worst.decided += int(decided.sum())
    worst.decided_identical += int((same & decided).sum())


def _scores_and_labels(outputs):
    """Return a classifier's scores (B, C) and labels (B,), from logits if need be."""
    if "label" in outputs and "scores" in outputs:
        return outputs["scores"], outputs["label"]
    logits = outputs.get("logits")
    if logits is None or logits.ndim != 2 or logits.shape[1] < 2:
        return None
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True), logits.argmax(axis=1)
