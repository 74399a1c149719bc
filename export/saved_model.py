"""The SavedModel writer."""

import pathlib

from kzoo.export.errors import ExportError
from kzoo.export.options import Options
from kzoo.export.signature import TENSORFLOW, Signature
from kzoo.export.subject import Subject
from kzoo.export.trace import tensor_specs


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the SavedModel's signatures: the text form first where there is one."""
    return placed(subject, ".")


def placed(subject: Subject, path: str) -> tuple[Signature, ...]:
    """Return the signatures of a SavedModel at a path of the artefact."""
    return tuple(
        signature.at(path, TENSORFLOW) for signature in subject.saved_model_signatures()
    )


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the SavedModel into a folder; needs the TensorFlow backend.

    Raises:
        ExportError: If TensorFlow cannot write it.
    """
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(subject.model)
    for signature in signatures(subject, options):
        tracked, function = subject.saved_model_function(signature)
        for part in tracked:
            archive.track(part)
        specs = tensor_specs(signature)
        archive.add_endpoint(signature.name, function, input_signature=specs)
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:
        raise ExportError(
            "The SavedModel could not be written; nothing of it was left behind. "
            f"Received: {error.message.split('; ')[-1]}. Free some space, or choose "
            "another folder."
        ) from error
