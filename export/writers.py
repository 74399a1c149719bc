"""Which writer makes which format in which layout."""

import dataclasses
import pathlib
from collections.abc import Callable

from kzoo.errors import InputError
from kzoo.export import huggingface, onnx_writer, saved_model, tf_serving, triton
from kzoo.export.onnx_precision import PRECISIONS
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject

SAVED_MODEL, ONNX = "saved-model", "onnx"


@dataclasses.dataclass(frozen=True)
class Writer:
    """What one format in one layout takes: declare, then write.

    Args:
        signatures: Returns the signatures and their files, before anything is written.
        write: Writes the files into a folder; needs the TensorFlow backend.
        precisions: What the weights can be.
        subject: Returns the subject that is written, of the given one.
    """

    signatures: Callable[[Subject, Options], tuple[Signature, ...]]
    write: Callable[[Subject, pathlib.Path, Options], None]
    precisions: tuple[str, ...]
    subject: Callable[[Subject], Subject] = lambda subject: subject


WRITERS = {
    (SAVED_MODEL, "plain"): Writer(
        saved_model.signatures, saved_model.write, ("float32",)
    ),
    (SAVED_MODEL, "tf-serving"): Writer(
        tf_serving.signatures, tf_serving.write, ("float32",)
    ),
    (ONNX, "plain"): Writer(
        onnx_writer.signatures, onnx_writer.write, tuple(PRECISIONS)
    ),
    (ONNX, "triton"): Writer(triton.signatures, triton.write, tuple(PRECISIONS)),
    (ONNX, "huggingface"): Writer(
        huggingface.signatures,
        huggingface.write,
        tuple(PRECISIONS),
        huggingface.subject_for,
    ),
}


def writer_of(format: str, layout: str, precision: str) -> Writer:
    """Return the writer of a format, a layout and a precision.

    Raises:
        InputError: If there is none; it names those that there are.
    """
    if (format, layout) not in WRITERS:
        known = ", ".join(x for kind, x in WRITERS if kind == format)
        raise InputError(
            f"A {format} artefact has one of its layouts.",
            f"layout={layout!r}",
            f"Known: {known}.",
        )
    writer = WRITERS[format, layout]
    if precision not in writer.precisions:
        raise InputError(
            f"A {format} artefact has one of its precisions.",
            f"precision={precision!r}",
            f"Known: {', '.join(writer.precisions)}.",
        )
    return writer
