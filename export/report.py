"""What a validation measured: figures first, the verdict from them."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Criteria:
    """When an artefact counts as equal to its model; declared per precision.

    Args:
        absolute: Greatest difference of an output that is not a probability.
        relative: Added to it, times the reference's magnitude.
        scores: Greatest difference of a probability.
        agreement: Least share of rows with the same label (or integer outputs),
            among rows that are decided: whose two best scores are further apart
            than `scores`.
        shortfall: Of generated rows: one that differs counts as decided only if the
            model finds it less probable than its own by more than so many nats a
            token. None where only rounding excuses a row.
    """

    absolute: float
    relative: float
    scores: float
    agreement: float = 1.0
    shortfall: float | None = None


@dataclasses.dataclass(frozen=True)
class SignatureReport:
    """How one signature compares with the model.

    Args:
        name: The signature.
        path: Its file.
        shapes: The input shapes that were run.
        dtypes: Type of each input and output by name.
        max_absolute: Greatest absolute difference over all outputs.
        max_relative: Greatest difference over the reference's greatest magnitude.
        worst_output: The output in which it is.
        tolerance: What was allowed there.
        rows: How many rows were compared by label; 0 where there are none.
        rows_identical: How many had the same label, or identical integers.
        passed: Whether it is within the criteria.
        reasons: Why not, one sentence each.
    """

    name: str
    path: str
    shapes: tuple[tuple[int, ...], ...]
    dtypes: dict[str, str]
    max_absolute: float
    max_relative: float
    worst_output: str
    tolerance: float
    rows: int
    rows_identical: int
    passed: bool
    reasons: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Return whether every row had the same label or ids."""
        return self.rows_identical == self.rows


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """How an artefact compares with the model it came from.

    Args:
        folder: The artefact.
        format: `"saved-model"` or `"onnx"`.
        layout: How it is laid out.
        precision: The type of its weights.
        signatures: A `SignatureReport` of each signature.
        imports: What the process that ran the artefact had imported, of the
            packages that could have helped it.
        limitations: Inputs that the artefact is known to treat otherwise.
        passed: Whether the artefact is equal to the model within the criteria.
        reasons: Why not, one sentence each.
    """

    folder: str
    format: str
    layout: str
    precision: str
    signatures: tuple[SignatureReport, ...]
    imports: tuple[str, ...]
    limitations: tuple[str, ...]
    passed: bool
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return dataclasses.asdict(self)

    def summary(self) -> str:
        """Return the figures as lines of text."""
        verdict = "passed" if self.passed else "FAILED"
        lines = [f"{self.folder}: {self.format}, {self.precision}, {self.layout}"]
        for item in self.signatures:
            labels = ""
            if item.rows:
                labels = f", {item.rows_identical}/{item.rows} rows identical"
            lines.append(
                f"  {item.name} ({item.path}): {len(item.shapes)} shapes, greatest "
                f"difference {item.max_absolute:.2e} absolute, "
                f"{item.max_relative:.2e} relative (in {item.worst_output}; "
                f"{item.tolerance:.0e} allowed){labels}"
            )
        lines += [f"  limitation: {text}" for text in self.limitations]
        lines += [f"  reason: {text}" for text in self.reasons]
        return "\n".join([*lines, f"  {verdict}"])
