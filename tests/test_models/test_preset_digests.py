"""Preset folders are what was written, to the bit, or are not read."""

import os
import shutil

import numpy as np
import pytest
from support.damage import count_found, files_of
from support.presets import without_digests

from kzoo import digests
from kzoo.errors import InputError
from kzoo.models import TextClassifier, preset_folder
from kzoo.tokenizers import WordPieceTokenizer

pytestmark = pytest.mark.backend_free


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a preset folder with a tokenizer."""
    folder = tmp_path_factory.mktemp("preset") / "a"
    small().save_to_preset(folder)
    return folder


def small():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
    return TextClassifier(
        vocabulary_size=len(words),
        hidden_dim=8,
        num_layers=1,
        num_heads=2,
        intermediate_dim=11,
        max_sequence_length=7,
        label_names=("bad", "good"),
        tokenizer=WordPieceTokenizer(words),
    )


@pytest.fixture
def folder(written, tmp_path):
    """Return a copy of it to damage."""
    return shutil.copytree(written, tmp_path / "b")


def test_all_damage_is_found(folder):
    counts = count_found(folder, preset_folder.verify, 1000)
    assert counts == {"InputError": 1000}


def test_a_whole_folder_is_read_and_names_all_its_files(folder):
    named = digests.verify(folder)
    assert named == {
        path.relative_to(folder).as_posix()
        for path in files_of(folder)
        if path.name != digests.DIGESTS
    }
    TextClassifier.from_preset(folder)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.safetensors", lambda b: b[:-1], "model.safetensors: .* bytes, not"),
        ("model.safetensors", lambda b: b[:-1] + b"x", "sha256 is not the manifest"),
        ("config.json", lambda b: b.replace(b"good", b"food"), "config.json: its sha"),
        ("manifest.json", lambda b: b.replace(b"1", b"2", 1), "missing or foreign"),
        ("manifest.json", lambda b: b + b" ", "its own digest does not fit"),
        ("manifest.json", lambda b: b"", "manifest.json: unreadable"),
        ("manifest.json", None, "missing or foreign"),
        ("tokenizer/tokenizer.json", None, "tokenizer.json: No such file"),
    ],
)
def test_damage_is_one_clear_error(folder, name, damage, message):
    path = folder / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        TextClassifier.from_preset(folder)


def test_a_file_that_the_manifest_does_not_name_is_not_read(folder):
    (folder / "tokenizer" / "source.spm").write_bytes(b"x")
    with pytest.raises(InputError, match=r"source.spm, which it does not"):
        TextClassifier.from_preset(folder)


def test_a_folder_of_an_older_version_loads_as_before(folder):
    without_digests(folder)
    model = TextClassifier.from_preset(folder)
    preset_folder.save_weights(model, folder)  # and has digests from then on
    assert "model.safetensors" in digests.verify(folder)


def test_weights_are_right_at_every_instant(folder, monkeypatch):
    model = small()
    steps = []
    rename = os.replace

    def watched(source, target):
        preset_folder.verify(folder)
        rename(source, target)
        preset_folder.verify(folder)
        steps.append(os.path.basename(target))

    monkeypatch.setattr(os, "replace", watched)
    preset_folder.save_weights(model, folder)
    assert steps == ["manifest.json", "model.safetensors", "manifest.json"]
    monkeypatch.undo()
    again = TextClassifier.from_preset(folder)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    (_, digest), *others = digests.read_digests(folder)["model.safetensors"]
    assert not others
    assert len(digest) == 64


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "a\\b", "", "."])
def test_a_manifest_names_nothing_outside(tmp_path, name):
    digests.write_digests(tmp_path, {name: ((1, "0" * 64),)})
    with pytest.raises(InputError, match="it names"):
        digests.verify(tmp_path)


def test_links_are_not_followed(folder, tmp_path):
    secret = tmp_path / "secret"
    shutil.copy(folder / "model.safetensors", secret)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(secret)
    with pytest.raises(InputError, match=r"model.safetensors: "):
        TextClassifier.from_preset(folder)
