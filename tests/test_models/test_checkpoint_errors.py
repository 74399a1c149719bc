"""Checkpoints that must not load: one clear error each, never a silent skip."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from kzoo.errors import InputError
from kzoo.models import TextClassifier
from kzoo.models.checkpoints.tensor_files import open_tensors
from kzoo.models.checkpoints.weight_table import Entry
from tests.test_models.test_huggingface import BERT, huggingface_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a good Hugging Face folder, not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    huggingface_model("Bert", BERT).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """Return a copy of the good folder."""
    for file in whole.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def change_config(folder, **fields):
    config = json.loads((folder / "config.json").read_text())
    config.update(fields)
    (folder / "config.json").write_text(json.dumps(config))


def change_tensors(folder, change):
    tensors = dict(load_file(folder / "model.safetensors"))
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("hidden_act", "mish"),
        ("problem_type", "multi_label_classification"),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"bits": 4}),
        ("a_field_of_tomorrow", 1),
    ],
)
def test_unsupported_fields_are_named(folder, field, value):
    change_config(folder, **{field: value})
    with pytest.raises(InputError, match=rf"{field}="):
        TextClassifier.from_preset(folder)


def test_one_label_is_no_classifier(folder):
    change_config(folder, id2label={"0": "score"}, label2id={"score": 0})
    with pytest.raises(InputError, match="id2label"):
        TextClassifier.from_preset(folder)


def test_missing_size(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="without 'hidden_size'"):
        TextClassifier.from_preset(folder)


def test_another_family(folder):
    change_config(folder, model_type="gpt2")
    with pytest.raises(InputError, match="model_type='gpt2'.*Known: bert, distilbert"):
        TextClassifier.from_preset(folder)


def test_all_problems_in_one_error(folder):
    def change(tensors):
        del tensors["bert.pooler.dense.bias"]
        tensors["bert.surplus"] = np.zeros(1, "float32")
        tensors["classifier.bias"] = np.zeros(3, "float32")

    change_tensors(folder, change)
    with pytest.raises(
        InputError,
        match=r"missing: bert\.pooler\.dense\.bias; unexpected: bert\.surplus; "
        r"wrong shape: classifier\.bias: \(3,\), not \(2,\)",
    ):
        TextClassifier.from_preset(folder)


def test_missing_head_is_an_error(folder):
    def change(tensors):
        del tensors["classifier.weight"], tensors["classifier.bias"]

    change_tensors(folder, change)
    with pytest.raises(InputError, match=r"missing: classifier\.bias, classifier\.w"):
        TextClassifier.from_preset(folder)


def test_ignorable_tensors_load(folder):
    def change(tensors):
        tensors["bert.embeddings.position_ids"] = np.arange(31)[None]
        tensors["cls.seq_relationship.bias"] = np.zeros(2, "float32")

    change_tensors(folder, change)
    TextClassifier.from_preset(folder)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_safetensors(folder, share):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="whole safetensors"):
        TextClassifier.from_preset(folder)


def test_foreign_bytes(folder):
    (folder / "model.safetensors").write_bytes(b"\x89PNG" + bytes(200))
    with pytest.raises(InputError, match="whole safetensors"):
        TextClassifier.from_preset(folder)


class _Payload:
    """An object whose pickle would write a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_pickle_never_runs(folder, tmp_path_factory):
    (folder / "model.safetensors").unlink()
    marker = tmp_path_factory.mktemp("payload") / "ran"
    torch.save({"x": _Payload(marker)}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="tensors alone"):
        TextClassifier.from_preset(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Payload(marker)))
    with pytest.raises(InputError, match="tensors alone"):
        TextClassifier.from_preset(folder)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["../other.safetensors", "/x.safetensors", "a/b"])
def test_shards_stay_in_their_folder(folder, name):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"classifier.bias": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="lies beside its index"):
        TextClassifier.from_preset(folder)


def test_missing_shard(folder):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"classifier.bias": "model-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="Every shard"):
        TextClassifier.from_preset(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(InputError, match="without weight_map"):
        TextClassifier.from_preset(folder)


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"holds model\.safetensors or"):
        TextClassifier.from_preset(folder)


def test_config_that_is_no_json(folder):
    (folder / "config.json").write_text('{"model_type": "be')
    with pytest.raises(InputError, match="must hold JSON"):
        TextClassifier.from_preset(folder)


def test_tensors_are_read_one_at_a_time(folder):
    tensors = open_tensors(folder)
    assert len(tensors) == len(list(tensors))
    assert tensors["classifier.bias"].shape == (2,)


def test_entries_are_reversible():
    rng = np.random.default_rng(0)
    entry = Entry("w", ("q", "k", "v"), transposed=True)
    tensors = {name: rng.normal(size=(5, 3)) for name in "qkv"}
    weight = entry.read(tensors)
    assert weight.shape == (3, 15)
    for name, tensor in entry.write(weight).items():
        np.testing.assert_array_equal(tensor, tensors[name])
