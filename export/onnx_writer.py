"""The plain ONNX writer: `model.onnx`, and `text.onnx` where texts are taken."""

import pathlib

from kzoo.export import onnx_graph, onnx_precision
from kzoo.export.options import Options
from kzoo.export.signature import ONNXRUNTIME, ONNXRUNTIME_EXTENSIONS, Signature
from kzoo.export.subject import Subject

MODEL, TEXT = "model.onnx", "text.onnx"


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the signature of each file."""
    tensors = subject.signature().at(MODEL, ONNXRUNTIME)
    text = subject.text_signature()
    if text is None:
        return (tensors,)
    return (tensors, text.at(TEXT, ONNXRUNTIME_EXTENSIONS))


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the files into a folder; needs the TensorFlow backend."""
    model = onnx_graph.convert(subject, subject.signature())
    reduced = onnx_precision.PRECISIONS[options.precision]
    if subject.text_signature() is not None:
        from kzoo.export.onnx_text import raised, with_tokenizer

        # Reduced after the opset was raised: no converter knows contrib operators.
        text = with_tokenizer(subject, reduced(raised(model)))
        save(text, folder / TEXT)
    save(reduced(model), folder / MODEL)


def graph(subject: Subject, options: Options):
    """Return the tensor form alone as an `onnx.ModelProto`."""
    model = onnx_graph.convert(subject, subject.signature())
    return onnx_precision.PRECISIONS[options.precision](model)


def save(model, path: pathlib.Path) -> None:
    """Write one graph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
