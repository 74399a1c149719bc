"""The plain ONNX writer: `model.onnx`, and `text.onnx` where texts are taken."""

import pathlib

from kzoo.export import onnx_graph, onnx_precision
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import MODEL, Subject


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
    model = onnx_graph.convert(subject, subject.signature())
    return onnx_precision.PRECISIONS[options.precision](model)


def save(model, path: pathlib.Path) -> None:
    """Write one graph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
