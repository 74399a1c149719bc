"""Write any data spec as a real TFDS data set."""

import contextlib
import io
import os
import pathlib
import shutil
import tempfile
from typing import Any

from kzoo.data.options import ReadOptions
from kzoo.data.sources import read_source
from kzoo.data.specs import find_source
from kzoo.errors import InputError


def prepare(
    spec: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    name: str = "kzoo_reviews",
    version: str = "1.0.0",
    file_format: str = "array_record",
    **read_options,
) -> pathlib.Path:
    """Write the splits of a data spec as a TFDS data set.

    What it writes opens with `tfds.builder_from_directory` and as `tfds:FOLDER`;
    writing needs TensorFlow, reading array_record does not. Texts, labels,
    label names, splits and the order of the rows are kept. The data set appears under
    its name by one rename, when it is complete.

    Args:
        spec: The data spec, see `kzoo.data.read`.
        folder: Where `NAME/VERSION` is written.
        name: The data set's name.
        version: Its version.
        file_format: `array_record`, which is read without TensorFlow and through
            `tfds.data_source`; or `tfrecord`, for `tfds.load` and `tf.data`.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        The folder `folder/name/version`.

    Raises:
        InputError: If the spec cannot be read, the target exists, or
            tensorflow_datasets is not installed.

    Example:
        >>> import kzoo.data
        >>> kzoo.data.prepare("reviews.csv", "prepared")  # doctest: +SKIP
    """
    from kzoo.data.tfds_source import _tfds

    tfds: Any = _tfds()
    target = pathlib.Path(folder).expanduser() / name / version
    if target.exists():
        raise InputError(
            "A data set is written where there is none.",
            f"folder={str(target)!r}, which exists",
            "Name another folder, name or version.",
        )
    options = ReadOptions(**read_options)
    source = find_source(spec, options)
    splits = {s: read_source(source, s, options) for s in source.splits(options)}
    first = next(iter(splits.values()))
    if first.labels is None:
        raise InputError(
            "A data set to classify has labels.",
            f"spec={os.fspath(spec)!r}, require_labels={options.require_labels}",
            "Leave require_labels at True, or name the label_column.",
        )
    features: dict[str, Any] = {"text": tfds.features.Text()}
    if first.has_pairs:
        features["pair"] = tfds.features.Text()
    features["label"] = tfds.features.ClassLabel(names=list(first.label_names))
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent)
    notes = dict.fromkeys(note for e in splits.values() for note in e.notes)
    try:
        builder = _builder_class(tfds)(
            name=name,
            version=version,
            features=tfds.features.FeaturesDict(features),
            split_datasets={split: list(_rows(e)) for split, e in splits.items()},
            data_dir=scratch,
            description="\n".join(notes) or f"Written from {os.fspath(spec)}.",
            file_format=file_format,
            disable_shuffling=True,
        )
        with _quiet(tfds):
            builder.download_and_prepare()
        os.rename(builder.data_dir, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _builder_class(tfds: Any):
    base = tfds.dataset_builders.AdhocBuilder

    class Builder(base, skip_registration=True):  # pyright: ignore
        # Nothing is downloaded. Looking for a list of downloads needs the package
        # importlib_resources, which tensorflow_datasets does not install.
        url_infos = {}

    return Builder


@contextlib.contextmanager
def _quiet(tfds):
    """Keep what TFDS prints and logs while it writes off the terminal."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)


def _rows(examples):
    for index, text in enumerate(examples.texts):
        parts = text if isinstance(text, tuple) else (text,)
        row = dict(zip(("text", "pair"), parts, strict=False))
        yield index, {**row, "label": int(examples.labels[index])}
