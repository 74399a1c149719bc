"""What an artefact promises: names, types and axes, declared before it is written."""

import dataclasses
from typing import Any

BATCH, SEQUENCE, NEW_SEQUENCE = "batch", "sequence", "new_sequence"

TENSORFLOW = "tensorflow"
ONNXRUNTIME = "onnxruntime"
ONNXRUNTIME_EXTENSIONS = "onnxruntime-extensions"


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One input or output of a signature.

    Args:
        name: Its name in the artefact.
        dtype: A NumPy type's name, or `"string"`.
        axes: Each axis: its size, or a name where the size is free.

    Example:
        >>> TensorSpec("input_ids", "int64", ("batch", "sequence")).shape
        (None, None)
    """

    name: str
    dtype: str
    axes: tuple[int | str, ...]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Return the axes with None for the free ones."""
        return tuple(axis if isinstance(axis, int) else None for axis in self.axes)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "TensorSpec":
        """Return the spec that `dataclasses.asdict` made the dict from."""
        return cls(value["name"], value["dtype"], tuple(value["axes"]))


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way to call an artefact.

    Args:
        name: The signature's name, such as `"tokens"`.
        inputs: What it takes.
        outputs: What it returns.
        path: The file or SavedModel folder inside the artefact, `"."` for itself.
        runtime: What opens it: `"tensorflow"`, `"onnxruntime"` or
            `"onnxruntime-extensions"`.

    Example:
        >>> ids = TensorSpec("input_ids", "int64", ("batch", "sequence"))
        >>> Signature("tokens", (ids,), ()).at("model.onnx", "onnxruntime").path
        'model.onnx'
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    path: str = ""
    runtime: str = ""

    def at(self, path: str, runtime: str) -> "Signature":
        """Return the signature placed in a file of an artefact."""
        return dataclasses.replace(self, path=path, runtime=runtime)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for the manifest."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Signature":
        """Return the signature that `to_dict` made the dict from."""
        return cls(
            value["name"],
            tuple(TensorSpec.from_dict(item) for item in value["inputs"]),
            tuple(TensorSpec.from_dict(item) for item in value["outputs"]),
            value["path"],
            value["runtime"],
        )


# What models that generate take, and give.
IDS = tuple(
    TensorSpec(name, "int64", (BATCH, SEQUENCE))
    for name in ("input_ids", "attention_mask")
)
NEW_IDS = TensorSpec("output_ids", "int64", (BATCH, NEW_SEQUENCE))
