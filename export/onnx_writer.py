"""The plain ONNX writer: `model.onnx`, and `text.onnx` where texts are taken."""

import pathlib

from kzoo.export import onnx_precision
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject

# Protobuf ends at 2 GB; the graph itself needs some of it.
MOST_BYTES = 2**31 - 2**25


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the signature of each file."""
    return subject.onnx_signatures()


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the files into a folder; needs the TensorFlow backend."""
    reduced = onnx_precision.PRECISIONS[options.precision]
    for path, model in subject.onnx_graphs(reduced):
        save(model, folder / path)


def graph(subject: Subject, options: Options):
    """Return the tensor form alone as an `onnx.ModelProto`."""
    return onnx_precision.PRECISIONS[options.precision](subject.tensor_graph())


def save(model, path: pathlib.Path) -> None:
    """Write one graph; its weights beside it where they are too much for one file.

    The graph is not to be used afterwards: its weights may be gone from memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if size <= MOST_BYTES:
        path.write_bytes(model.SerializeToString())
        return
    import onnx

    weights = path.with_name(f"{path.name}_data")
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=weights.name,
    )
    weights.chmod(path.stat().st_mode & 0o777)  # onnx lets its owner alone read it
