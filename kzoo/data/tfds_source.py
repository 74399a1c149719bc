"""TensorFlow Datasets as a source: text and class label, read without TensorFlow.

Data stored as array_record is read through `tfds.data_source`, which needs no
TensorFlow; anything else through `tf.data`, which does.
"""

import importlib.util
import pathlib

from kzoo.data.columns import PAIR_NAMES
from kzoo.data.examples import Text
from kzoo.data.options import SPLITS, ReadOptions
from kzoo.data.sources import RawExamples, Source
from kzoo.errors import InputError


def tfds_source(name: str, options: ReadOptions) -> Source:
    """Return the source that `tfds:NAME[/config]` or `tfds:FOLDER` names.

    Args:
        name: What follows `tfds:`; a folder, if there is one of that name, is one
            that TFDS wrote.
        options: The caller's options.

    Returns:
        The source. Its splits `train`, `validation` and `test` are those stored.

    Raises:
        InputError: If tensorflow_datasets is not installed, knows no such data set or
            folder, or it is not prepared.
    """
    builder = _builder(name, options)
    where = f"tfds:{name}"
    stored = {SPLITS.index(s): s for s in SPLITS if s in builder.info.splits}
    parts = tuple(stored[i] for i in sorted(stored))
    if not parts:
        raise InputError(
            f"A data set has a split {', '.join(SPLITS)}.",
            f"spec={where!r} with splits {', '.join(builder.info.splits) or 'none'}",
            "Prepare it again with those names.",
        )
    return Source(where, parts, lambda split: _read(builder, split, where, options))


def _tfds():
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise InputError(
            "tfds: specs need the package tensorflow-datasets.",
            "tensorflow_datasets is not installed",
            "Run: pip install 'kzoo[data]'.",
        )
    import tensorflow_datasets

    return tensorflow_datasets


def _builder(name: str, options: ReadOptions):
    tfds = _tfds()
    folder = pathlib.Path(name).expanduser()
    inner = _version_folder(folder) if folder.is_dir() else None
    try:
        if inner is not None:
            return tfds.builder_from_directory(str(inner))
        builder = tfds.builder(name, data_dir=options.data_dir)
    except (tfds.core.DatasetNotFoundError, FileNotFoundError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            "tfds: names a data set that TFDS knows, or a folder that it wrote.",
            f"spec='tfds:{name}' ({reason})",
            "Check the name, or the path of the folder that holds dataset_info.json.",
        ) from error
    if not builder.info.splits and options.download:
        builder.download_and_prepare()
    if not builder.info.splits:
        raise InputError(
            "A TFDS data set is prepared before it is read.",
            f"spec='tfds:{name}', not in {builder.data_dir}",
            "Pass download=True (--download) to have TFDS fetch it, or the data_dir "
            f"that holds it, or run: tfds build {name}.",
        )
    return builder


def _version_folder(folder: pathlib.Path) -> pathlib.Path:
    """Return the folder with `dataset_info.json`: this one, or its only such one."""
    if (folder / "dataset_info.json").exists():
        return folder
    below = sorted(path.parent for path in folder.glob("**/dataset_info.json"))
    if len(below) == 1:
        return below[0]
    found = ", ".join(str(path) for path in below[:5]) or "none"
    raise InputError(
        "A TFDS folder holds dataset_info.json.",
        f"spec='tfds:{folder}', with such folders below it: {found}",
        "Name the folder of one data set and version.",
    )


def _read(builder, split: str, where: str, options: ReadOptions) -> RawExamples:
    text, pair, label = _features(builder.info.features, where, options)
    texts: list[Text] = []
    numbers: list[int] = []
    for row in _rows(builder, split):
        texts.append((_text(row[text]), _text(row[pair])) if pair else _text(row[text]))
        numbers.append(int(row[label]) if label else 0)
    called = f"text from {text!r}" + (f" and {pair!r}" if pair else "")
    called += f", label from {label!r}" if label else ""
    raw = RawExamples(texts, None, where, notes=(f"{where}: {called}",))
    if label is None:
        return raw
    names = tuple(builder.info.features[label].names)
    # -1 is how TFDS stores that a label is not known.
    raw.labels = [names[number] if number >= 0 else "" for number in numbers]
    raw.label_names = names
    return raw


def _rows(builder, split: str):
    """Yield the examples of a split in the order in which they are stored."""
    if "array_record" in str(builder.info.file_format.value):
        source = builder.as_data_source(split=split)
        return (source[i] for i in range(len(source)))
    tfds = _tfds()
    reading = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=reading)
    return tfds.as_numpy(dataset)


def _features(features, where: str, options: ReadOptions):
    """Return the names of the features that hold text, second text and label."""
    tfds = _tfds()
    # By name: the order in which a stored data set lists its features is not fixed.
    kinds = dict(sorted(features.items())) if hasattr(features, "items") else {}
    texts = [n for n, kind in kinds.items() if isinstance(kind, tfds.features.Text)]
    labels = [
        n for n, kind in kinds.items() if isinstance(kind, tfds.features.ClassLabel)
    ]
    listed = ", ".join(f"{n}: {type(kind).__name__}" for n, kind in kinds.items())
    text = _chosen("text_column", options.text_column, texts, where, listed)
    pair = _chosen("pair_column", options.pair_column, texts, where, listed)
    label = _chosen("label_column", options.label_column, labels, where, listed)
    if text is None and pair is None:
        if len(texts) == 1:
            text = texts[0]
        for first, second in (("text", "pair"), *PAIR_NAMES):
            if sorted((first, second)) == texts:
                text, pair = first, second
    if label is None and len(labels) == 1 and options.require_labels:
        label = labels[0]
    if text is None or (label is None and options.require_labels):
        raise InputError(
            "A data set to classify has one Text feature, or two that are a known "
            "pair, and one ClassLabel.",
            f"spec={where!r} with features {listed or type(features).__name__}",
            "Name them with text_column, pair_column and label_column, or choose "
            "another data set.",
        )
    return text, pair, label


def _chosen(option: str, name, fitting: list[str], where: str, listed: str):
    if name is None or name in fitting:
        return name
    raise InputError(
        "A named feature is in the data set: Text for texts, ClassLabel for labels.",
        f"{option}={name!r}, spec={where!r} with features {listed}",
        f"Pass one of: {', '.join(fitting) or 'none fits'}.",
    )


def _text(value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
