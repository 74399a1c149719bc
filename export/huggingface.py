"""The layout that Optimum's ORTModel classes open: graphs beside `config.json`."""

import pathlib
import shutil
import tempfile

from kzoo.errors import InputError
from kzoo.export import onnx_writer
from kzoo.export.onnx_precision import PRECISIONS
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject
from kzoo.files import write_json

_WEIGHTS = (".safetensors", ".bin")


def subject_for(subject: Subject) -> Subject:
    """Return the subject with the inputs that transformers' tokenizers give.

    Raises:
        InputError: If the model is of no family that transformers has.
    """
    if not hasattr(subject.model, "export_to_transformers"):
        raise InputError(
            "The layout huggingface is for models that transformers has too.",
            f"model of type {type(subject.model).__name__}",
            "Use layout='plain'.",
        )
    return subject.for_transformers()


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the signature of each graph; texts are tokenised outside."""
    return subject.transformers_signatures()


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the graphs, the config and the tokenizer; needs the TensorFlow backend."""
    with tempfile.TemporaryDirectory() as whole:
        subject.model.export_to_transformers(whole)
        for path in pathlib.Path(whole).iterdir():
            if path.suffix not in _WEIGHTS:
                shutil.copyfile(path, folder / path.name)
    for name, value in subject.transformers_files().items():
        write_json(folder / name, value)
    reduced = PRECISIONS[options.precision]
    for path, model in subject.transformers_graphs(reduced):
        onnx_writer.save(model, folder / path)
