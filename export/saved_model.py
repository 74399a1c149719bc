"""The SavedModel writer."""

import pathlib

from kzoo.export.errors import ExportError
from kzoo.export.options import Options
from kzoo.export.signature import TENSORFLOW, Signature
from kzoo.export.subject import Subject
from kzoo.export.trace import tensor_specs, traced

SERVING_DEFAULT = "serving_default"


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the SavedModel's signatures: the text form first where there is one."""
    return placed(subject, ".")


def placed(subject: Subject, path: str) -> tuple[Signature, ...]:
    """Return the signatures of a SavedModel at a path of the artefact."""
    tensors = subject.signature().at(path, TENSORFLOW)
    text = subject.text_signature()
    if text is None:
        return (tensors,)
    text = Signature(SERVING_DEFAULT, text.inputs, text.outputs, path, TENSORFLOW)
    return (text, tensors)


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
        if signature.inputs[0].dtype == "string":
            from kzoo.export.classifier_text import text_function

            tokenizer, function = text_function(subject)
            archive.track(tokenizer)
        else:
            function = traced(subject, signature)
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
