"""TFDS data sets of translations: folders, features by name, what is not clear."""

import os
import subprocess
import sys

import pytest

from kzoo.data import pair_splits, read_pairs
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free
tfds = pytest.importorskip("tensorflow_datasets")

ROWS = [{"de": f"Satz {i} ü\u2028", "en": f"Sentence {i}"} for i in range(97)]
DE_EN = {"source_language": "de", "target_language": "en"}
TEXT = tfds.features.Text()


def store(folder, features, splits, file_format="array_record"):
    class Builder(tfds.dataset_builders.AdhocBuilder, skip_registration=True):
        url_infos = {}

    builder = Builder(
        name="sentences",
        version="1.0.0",
        features=features,
        split_datasets={name: list(enumerate(rows)) for name, rows in splits.items()},
        data_dir=folder,
        file_format=file_format,
        disable_shuffling=True,
    )
    builder.download_and_prepare()
    return f"tfds:{builder.data_dir}"


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    features = tfds.features.FeaturesDict(
        {"translation": tfds.features.Translation(["de", "en"]), "id": TEXT}
    )
    rows = [{"translation": row, "id": str(i)} for i, row in enumerate(ROWS)]
    splits = {"train": rows, "test": rows[:7], "test_2017": rows[:3]}
    return store(tmp_path_factory.mktemp("tfds"), features, splits)


def test_a_translation_feature(spec):
    pairs = read_pairs(spec, "test", **DE_EN)
    assert list(pairs.sources) == [row["de"] for row in ROWS[:7]]
    assert list(pairs.targets) == [row["en"] for row in ROWS[:7]]
    assert pairs.direction == "de to en"
    assert "'de' is translated into 'en'" in pairs.notes[0]
    turned = read_pairs(spec, "test", target_language="de")
    assert list(turned.sources) == list(pairs.targets)
    assert len(read_pairs(spec, "test_2017", **DE_EN)) == 3
    assert pair_splits(spec, **DE_EN) == {
        "train": "rest",
        "validation": "cut",
        "test": "stored",
    }
    parts = [read_pairs(spec, s, **DE_EN) for s in ("train", "validation")]
    assert sum(map(len, parts)) == 97
    assert 0 < len(parts[1]) < 20


def test_the_feature_itself_is_the_row(tmp_path):
    features = tfds.features.Translation(["de", "en"])
    spec = store(tmp_path, features, {"train": ROWS}, "tfrecord")
    pairs = read_pairs(spec, "all", **DE_EN)
    assert list(pairs.sources) == [row["de"] for row in ROWS]


def test_two_texts_by_name(tmp_path):
    features = tfds.features.FeaturesDict({"a": TEXT, "b": TEXT, "c": TEXT})
    rows = [{"a": f"a{i}", "b": f"b{i}", "c": f"c{i}"} for i in range(5)]
    spec = store(tmp_path, features, {"train": rows})
    options = {"source_column": "c", "target_column": "a"}
    pairs = read_pairs(spec, "all", source_language="de", **options)
    assert (pairs.sources[4], pairs.targets[4]) == ("c4", "a4")
    assert (pairs.source_language, pairs.target_language) == ("de", "a")
    with pytest.raises(InputError, match="a: Text, b: Text, c: Text, source='c'"):
        read_pairs(spec, "all", source_column="c")


def test_what_is_not_clear(spec, tmp_path):
    rule = "two Text features.*de: Text, en: Text, source=None.*--source de --target en"
    with pytest.raises(InputError, match=rule):
        read_pairs(spec, "train")
    with pytest.raises(InputError, match="source='fr', target='en'"):
        read_pairs(spec, "train", source_language="fr", target_language="en")
    with pytest.raises(InputError, match="knows, or a folder that it wrote"):
        read_pairs("tfds:no_such_translation", "train", **DE_EN)
    features = tfds.features.FeaturesDict({"text": TEXT})
    odd = store(tmp_path, features, {"part": [{"text": "x"}]})
    with pytest.raises(InputError, match="train, validation, test.*splits part"):
        read_pairs(odd, "train", **DE_EN)


def test_array_records_are_read_without_tensorflow(spec):
    program = (
        "import sys, kzoo.data\n"
        f"pairs = kzoo.data.read_pairs({spec!r}, 'test', target_language='en')\n"
        "import keras\n"
        "print(len(pairs), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.stdout == "7 False\n", done.stderr
