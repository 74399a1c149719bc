"""The layout of TensorFlow Serving: `NAME/VERSION/` with warm-up requests."""

import pathlib

from kzoo.export import saved_model
from kzoo.export.options import Options
from kzoo.export.signature import Signature
from kzoo.export.subject import Subject

WARMUP = "assets.extra/tf_serving_warmup_requests"


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
        for call in subject.requests(signature):
            requests.append((options.name, signature.name, call))
    (place / WARMUP).parent.mkdir()
    write_requests(place / WARMUP, requests)


def _path(options):
    return f"{options.name}/{options.version}"
