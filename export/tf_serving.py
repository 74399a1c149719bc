"""The layout of TensorFlow Serving: `NAME/VERSION/` with warm-up requests."""

import pathlib

import numpy as np

from kzoo.export import saved_model
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject

WARMUP = "assets.extra/tf_serving_warmup_requests"
_BATCHES = (1, 8)


def signatures(subject: Subject, options: Options) -> tuple[Signature, ...]:
    """Return the SavedModel's signatures, placed in the version's folder."""
    return saved_model.placed(subject, _path(options))


def write(subject: Subject, folder: pathlib.Path, options: Options) -> None:
    """Write the SavedModel and its warm-up requests; needs the TensorFlow backend."""
    from kzoo.export.prediction_log import write_requests

    place = folder / _path(options)
    place.parent.mkdir()
    saved_model.write(subject, place, options)
    requests = []
    for signature in signatures(subject, options):
        for call in _warmup_calls(subject, signature):
            requests.append((options.name, signature.name, call))
    (place / WARMUP).parent.mkdir()
    write_requests(place / WARMUP, requests)


def _path(options):
    return f"{options.name}/{options.version}"


def _warmup_calls(subject, signature):
    """Return inputs as a server will see them: one, and a batch."""
    if signature.inputs[0].dtype != "string":
        return subject.samples()
    texts = [text for text in subject.sample_texts() if isinstance(text, str)]
    name = signature.inputs[0].name
    return [
        {name: np.array([text.encode() for text in texts[:size]], dtype=object)}
        for size in _BATCHES
    ]
