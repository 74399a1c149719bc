"""TFDS data sets: real folders, TFDS's own mock, and what does not fit."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import kzoo.data
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free
tfds = pytest.importorskip("tensorflow_datasets")

NAMES = ("bad", "good")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A local file and the TFDS folder written from it."""
    folder = tmp_path_factory.mktemp("local")
    rows = [(f"Text {i}, “é”\n\u2028.", NAMES[i % 2]) for i in range(97)]
    content = "".join(f'"{text}",{label}\n' for text, label in rows)
    path = folder / "reviews.csv"
    path.write_text("text,label\n" + content, encoding="utf-8", newline="")
    written = kzoo.data.prepare(path, folder / "out", name="local_reviews")
    return path, written


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_prepared_folder_is_the_file(local, split):
    path, written = local
    assert written.parts[-2:] == ("local_reviews", "1.0.0")
    for spec in (written, written.parent, written.parent.parent):
        stored = kzoo.data.read(f"tfds:{spec}", split)
        read = kzoo.data.read(path, split)
        assert stored.fingerprint() == read.fingerprint()
        assert stored.label_names == NAMES
    assert kzoo.data.available_splits(f"tfds:{written}")[split] == "stored"
    assert not list(written.parent.glob(".*"))


def test_tfds_itself_reads_a_prepared_folder(local):
    path, written = local
    builder = tfds.builder_from_directory(written)
    assert builder.info.features["label"].names == list(NAMES)
    texts = [row["text"].decode() for row in builder.as_data_source("test")]
    assert texts == kzoo.data.read(path, "test").texts


def test_a_folder_in_another_file_format(local, tmp_path):
    written = kzoo.data.prepare(local[0], tmp_path, file_format="tfrecord")
    stored = kzoo.data.read(f"tfds:{written}", "test")
    assert stored.fingerprint() == kzoo.data.read(local[0], "test").fingerprint()
    rows = tfds.as_numpy(tfds.builder_from_directory(written).as_dataset("test"))
    assert [row["text"].decode() for row in rows] == stored.texts


def test_folders_are_read_without_tensorflow(local):
    program = (
        "import sys, kzoo.data\n"
        f"examples = kzoo.data.read({f'tfds:{local[1]}'!r}, 'train')\n"
        "import keras\n"
        "print(len(examples), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    size = len(kzoo.data.read(local[0], "train"))
    assert done.stdout == f"{size} False\n", done.stderr


def store(folder, features, rows, file_format="tfrecord", name="other", split="train"):
    class Builder(tfds.dataset_builders.AdhocBuilder, skip_registration=True):
        url_infos = {}

    builder = Builder(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: list(enumerate(rows))},
        data_dir=folder,
        file_format=file_format,
        disable_shuffling=True,
    )
    builder.download_and_prepare()
    return f"tfds:{builder.data_dir}"


LABEL = tfds.features.ClassLabel(names=["no", "yes"])
TEXT = tfds.features.Text()


def test_other_storage_is_read_through_tf_data(tmp_path):
    rows = [{"sentence": f"text {i}", "label": i % 2} for i in range(50)]
    spec = store(tmp_path, {"sentence": TEXT, "label": LABEL}, rows)
    examples = kzoo.data.read(spec, "all")
    assert examples.texts == [row["sentence"] for row in rows]
    assert examples.labels.tolist() == [row["label"] for row in rows]
    assert examples.label_names == ("no", "yes")
    assert "text from 'sentence', label from 'label'" in examples.notes[0]
    # A split that is not stored is cut.
    train, held = (kzoo.data.read(spec, s) for s in ("train", "validation"))
    assert 0 < len(held) < 15
    assert not set(train.texts) & set(held.texts)


def test_pairs_and_named_features(tmp_path):
    features = {"a": TEXT, "b": TEXT, "label": LABEL, "other": LABEL}
    rows = [{"a": "x", "b": "y", "label": i, "other": 1 - i} for i in (0, 1)]
    spec = store(tmp_path, features, rows, "array_record")
    with pytest.raises(InputError, match="one Text feature.*other: ClassLabel"):
        kzoo.data.read(spec, "all", text_column="a", pair_column="b")
    with pytest.raises(InputError, match="two that are a known pair.*a: Text, b: Text"):
        kzoo.data.read(spec, "all", label_column="other")
    options = {"label_column": "other", "text_column": "a"}
    assert kzoo.data.read(spec, "all", **options).texts == ["x", "x"]
    examples = kzoo.data.read(spec, "all", pair_column="b", **options)
    assert examples.texts == [("x", "y")] * 2
    assert examples.labels.tolist() == [1, 0]
    options = {"label_column": "label", "text_column": "b", "pair_column": "a"}
    assert kzoo.data.read(spec, "all", **options).texts[0] == ("y", "x")
    with pytest.raises(InputError, match="text_column='label'.*Pass one of: a, b"):
        kzoo.data.read(spec, "all", text_column="label")


def test_pairs_are_written_too(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("premise\thypothesis\tlabel\nx\ty\tno\nz\tw\tyes\n")
    written = kzoo.data.prepare(path, tmp_path / "out")
    stored = kzoo.data.read(f"tfds:{written}", "all")
    assert stored.fingerprint() == kzoo.data.read(path, "all").fingerprint()


def test_a_label_that_is_not_known(tmp_path):
    rows = [{"text": f"text {i}", "label": i} for i in (0, 1, -1)]
    spec = store(tmp_path, {"text": TEXT, "label": LABEL}, rows)
    with pytest.raises(InputError, match="row 3 of tfds.* without one"):
        kzoo.data.read(spec, "all")


def test_features_that_do_not_fit(tmp_path):
    rows = [{"image": np.zeros((2, 2, 3), "uint8"), "label": 1}]
    features = {"image": tfds.features.Image(shape=(2, 2, 3)), "label": LABEL}
    spec = store(tmp_path, features, rows)
    with pytest.raises(InputError, match="image: Image, label: ClassLabel"):
        kzoo.data.read(spec, "train")
    spec = store(tmp_path / "b", {"text": TEXT}, [{"text": "x"}], split="unlabelled")
    with pytest.raises(InputError, match="with splits unlabelled"):
        kzoo.data.read(spec, "train")


def describe(name, folder):
    """Write what TFDS knows of a registered data set, without any data."""
    builder = tfds.builder(name, data_dir=folder)
    infos = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[20],
            num_bytes=0,
            filename_template=tfds.core.ShardedFileTemplate(
                dataset_name=builder.name,
                data_dir=builder.data_path,
                split=split,
                filetype_suffix="tfrecord",
            ),
        )
        for split in ("train", "test")
    ]
    builder.info.set_splits(tfds.core.splits.SplitDict(infos))
    builder.data_path.mkdir(parents=True)
    builder.info.write_to_directory(builder.data_path)


@pytest.mark.parametrize(
    ("name", "pairs", "labels"),
    [
        ("imdb_reviews", False, ("neg", "pos")),
        ("glue/rte", True, ("entailment", "not_entailment")),
    ],
)
def test_a_registered_data_set_by_name(tmp_path, name, pairs, labels):
    with pytest.raises(InputError, match=f"is prepared before.*download=True.*{name}"):
        kzoo.data.read(f"tfds:{name}", "test", data_dir=str(tmp_path))
    describe(name, tmp_path)
    with tfds.testing.mock_data(num_examples=20, data_dir=str(tmp_path)):
        examples = kzoo.data.read(f"tfds:{name}", "test")
        held = kzoo.data.read(f"tfds:{name}", "validation")
    assert len(examples) == 20
    assert examples.label_names == labels
    assert examples.has_pairs == pairs
    assert "no validation split is stored" in held.notes[-1]


def test_errors(tmp_path, local):
    with pytest.raises(InputError, match="TFDS knows.*tfds:no_such_set"):
        kzoo.data.read("tfds:no_such_set", "train")
    with pytest.raises(InputError, match="holds dataset_info.json.*none"):
        kzoo.data.read(f"tfds:{tmp_path}", "train")
    with pytest.raises(InputError, match="written where there is none.*local_reviews"):
        kzoo.data.prepare(local[0], local[1].parents[1], name="local_reviews")
    with pytest.raises(InputError, match="to classify has labels"):
        kzoo.data.prepare(local[0], tmp_path, require_labels=False)
    assert not list(pathlib.Path(tmp_path).glob("**/.*"))
