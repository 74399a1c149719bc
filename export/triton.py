"""The layout of Triton's model repository, for its ONNX Runtime backend."""

import pathlib

from kzoo.errors import InputError
from kzoo.export import onnx_writer
from kzoo.export.options import Options
from kzoo.export.signature import BATCH, ONNXRUNTIME, Signature
from kzoo.export.subject import MODEL, Subject

CONFIG = "config.pbtxt"
_MOST_ROWS = 64
_TYPES = {
    "bool": "TYPE_BOOL",
    "int8": "TYPE_INT8",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "uint8": "TYPE_UINT8",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
}


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the tensor form's signature: Triton has no onnxruntime-extensions."""
    path = f"{options.name}/{options.version}/{MODEL}"
    return (subject.signature().at(path, ONNXRUNTIME),)


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the graph and `config.pbtxt`; needs the TensorFlow backend."""
    (signature,) = signatures(subject, options)
    onnx_writer.save(onnx_writer.graph(subject, options), folder / signature.path)
    text = config(signature, options.name)
    (folder / options.name / CONFIG).write_text(text, encoding="utf-8")


def config(signature: Signature, name: str) -> str:
    """Return the text of `config.pbtxt`.

    Where the first axis of every tensor is the batch, the server gathers requests of
    one shape into batches.

    Args:
        signature: What the graph takes and returns.
        name: The model's name, which is that of its folder.

    Raises:
        InputError: If Triton has no name for a type.
    """
    specs = (*signature.inputs, *signature.outputs)
    batched = all(spec.axes and spec.axes[0] == BATCH for spec in specs)
    lines = [
        f'name: "{name}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {_MOST_ROWS if batched else 0}",
    ]
    for kind, some in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in some:
            axes = spec.shape[1:] if batched else spec.shape
            dims = ", ".join(str(-1 if axis is None else axis) for axis in axes)
            lines += [
                f"{kind} {{",
                f'  name: "{spec.name}"',
                f"  data_type: {_type(spec)}",
                f"  dims: [ {dims} ]",
                "}",
            ]
    if batched:
        lines.append("dynamic_batching { }")
    return "\n".join(lines) + "\n"


def _type(spec):
    if spec.dtype not in _TYPES:
        raise InputError(
            "Triton has a name for each type it serves.",
            f"{spec.name} of dtype {spec.dtype}",
            f"Known: {', '.join(_TYPES)}.",
        )
    return _TYPES[spec.dtype]
