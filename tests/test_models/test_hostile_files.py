"""Files of strangers: each class of attack on Keras's own loaders, on ours.

Keras files were attacked through code in configs, Lambda layers, paths that lead out of
a folder or an archive, shapes that fill all memory, HDF5 files whose data lies in other
files, and vocabularies that are paths. Every loader must do nothing of it and say so.
"""

import json
import pathlib
import pickle
import shutil
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from kzoo import digests
from kzoo.data.token_files import open_tokens
from kzoo.errors import InputError
from kzoo.models import GPT2CausalLM, TextClassifier, Translator
from kzoo.tokenizers import CharacterTokenizer, from_folder
from kzoo.training import load_adapters

pytestmark = pytest.mark.backend_free

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]


class Bomb:
    """A pickle that would leave a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(self.trace),)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a small GPT-2 in kzoo's and in transformers' form."""
    folder = tmp_path_factory.mktemp("good")
    model = GPT2CausalLM(
        vocabulary_size=5,
        hidden_dim=8,
        num_layers=1,
        num_heads=2,
        intermediate_dim=11,
        max_sequence_length=7,
        tokenizer=CharacterTokenizer(list("abcde")),
    )
    model.save_to_preset(folder / "kzoo")
    (folder / "kzoo" / digests.DIGESTS).unlink()  # attacks come with digests that fit
    change(folder / "kzoo" / "config.json", manifest=None)
    shutil.copytree(folder / "kzoo", folder / "transformers")
    shutil.rmtree(folder / "transformers" / "tokenizer")
    config = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 5,
        "n_embd": 8, "n_layer": 1, "n_head": 2, "n_inner": 11, "n_positions": 7,
        "activation_function": "gelu_new",
    }  # fmt: skip
    (folder / "transformers" / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(params=["kzoo", "transformers"])
def folder(request, written, tmp_path):
    return shutil.copytree(written / request.param, tmp_path / "a")


@pytest.fixture
def preset(written, tmp_path):
    return shutil.copytree(written / "kzoo", tmp_path / "a")


def change(path, **values):
    """Set members of a JSON file; None takes one away."""
    content = {**json.loads(path.read_text()), **values}
    kept = {name: value for name, value in content.items() if value is not None}
    path.write_text(json.dumps(kept))


def change_config(path, **values):
    content = json.loads(path.read_text())
    content["config"].update(values)
    path.write_text(json.dumps(content))


def code(trace):
    """Return a Keras config that would run code."""
    return {
        "module": "builtins",
        "class_name": "Lambda",
        "registered_name": "Lambda",
        "config": {
            "function": f"lambda x: __import__('pathlib').Path({trace!r}).touch()"
        },
    }


@pytest.mark.parametrize(
    "name", ["activation", "tokenizer", "kernel_initializer", "dtype", "name"]
)
def test_code_in_a_config_is_no_code(preset, tmp_path, name):
    trace = tmp_path / "trace"
    change_config(preset / "config.json", **{name: code(str(trace))})
    with pytest.raises((InputError, ValueError, TypeError)):
        GPT2CausalLM.from_preset(preset)
    assert not trace.exists()


@pytest.mark.parametrize("model", ["Lambda", "os.system", "../TextClassifier", 7, None])
def test_a_config_names_a_model_of_ours_or_none(preset, model):
    change(preset / "config.json", model=model)
    with pytest.raises(InputError, match="must hold a GPT2CausalLM"):
        GPT2CausalLM.from_preset(preset)


def test_remote_code_is_not_looked_for(written, tmp_path):
    folder = shutil.copytree(written / "transformers", tmp_path / "a")
    trace = tmp_path / "trace"
    (folder / "modeling.py").write_text(f"open({str(trace)!r}, 'w')")
    change(folder / "config.json", auto_map={"AutoModel": "modeling.Model"})
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["modeling.T", None]}})
    )
    try:
        GPT2CausalLM.from_preset(folder)
    except InputError:
        pass
    assert not trace.exists()


def test_a_pickle_runs_no_code(written, tmp_path):
    folder = shutil.copytree(written / "transformers", tmp_path / "a")
    (folder / "model.safetensors").unlink()
    trace = tmp_path / "trace"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(str(trace))))
    with pytest.raises(InputError, match="holds code, which is never run"):
        GPT2CausalLM.from_preset(folder)
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Bomb(str(trace))))
        archive.writestr("a/version", "3\n")
        archive.writestr(f"../../{tmp_path.name}/out", "x")
    with pytest.raises(InputError, match="state dict of tensors alone"):
        GPT2CausalLM.from_preset(folder)
    assert not trace.exists()
    assert not (tmp_path.parent / "out").exists()


@pytest.mark.parametrize("name", ["../b.safetensors", "/etc/passwd", "a\\..\\b", ".."])
def test_shards_lie_beside_their_index(folder, name):
    shutil.copy(folder / "model.safetensors", folder.parent / "b.safetensors")
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"wte.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="A shard lies beside its index|shard"):
        GPT2CausalLM.from_preset(folder)


def test_names_of_tensors_are_no_paths(folder):
    arrays = {"../../evil": np.zeros(3, "float32")}
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(InputError):
        GPT2CausalLM.from_preset(folder)
    assert not (folder.parent.parent / "evil").exists()


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("vocabulary_size", "vocab_size"),
        ("hidden_dim", "n_embd"),
        ("num_layers", "n_layer"),
        ("intermediate_dim", "n_inner"),
        ("max_sequence_length", "n_positions"),
    ],
)
@pytest.mark.parametrize("value", [2**40, 10**30])
def test_a_shape_bomb_is_refused_before_it_takes_memory(folder, name, theirs, value):
    if "n_embd" in (folder / "config.json").read_text():
        change(folder / "config.json", **{theirs: value})
    else:
        change_config(folder / "config.json", **{name: value})
    with pytest.raises(InputError, match="as many as its config says"):
        GPT2CausalLM.from_preset(folder)


@pytest.mark.parametrize("shape", [[2**40], [2**31, 2**31], [-1], [2**63]])
def test_a_tensor_larger_than_its_file_is_refused(folder, shape):
    header = {"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + b"\0" * 4096
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="whole safetensors"):
        GPT2CausalLM.from_preset(folder)
    with pytest.raises(InputError, match="safetensors"):
        load_adapters(GPT2CausalLM, folder / "model.safetensors")


def test_a_header_longer_than_its_file_is_refused(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{" * 4096)
    with pytest.raises(InputError, match="whole safetensors"):
        GPT2CausalLM.from_preset(folder)


@pytest.mark.parametrize("name", ["model.weights.h5", "model.h5", "model.keras"])
def test_hdf5_and_keras_files_are_not_opened(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(InputError):
        GPT2CausalLM.from_preset(folder)


def test_a_vocabulary_is_no_path(preset, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("do not read")
    tokenizer = preset / "tokenizer"
    for path in tokenizer.iterdir():
        path.unlink()
    for content in (
        {"model": {"type": "WordPiece", "vocab": str(secret)}},
        {"model": {"type": "BPE", "vocab": str(secret), "merges": str(secret)}},
        {"class_name": "StringLookup", "config": {"vocabulary": str(secret)}},
    ):
        (tokenizer / "tokenizer.json").write_text(json.dumps(content))
        with pytest.raises(InputError) as caught:
            from_folder(tokenizer)
        assert "do not read" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["encoder_layers", "decoder_layers", "max_position_embeddings", "d_model"]
)
@pytest.mark.parametrize("value", [2**31, 10**30])
def test_a_marian_shape_bomb_is_refused(tmp_path, name, value):
    """Its stored positions are compared with sines of the size that it claims."""
    model = Translator(
        vocabulary_size=9,
        hidden_dim=8,
        num_layers=1,
        num_heads=2,
        intermediate_dim=11,
        max_sequence_length=7,
        norm_placement="post",
        positions="sinusoidal_halves",
        activation="swish",
        logits_bias=True,
        start_id=0,
    )
    model.export_to_transformers(tmp_path)
    change(tmp_path / "config.json", **{name: value})
    with pytest.raises(InputError, match="as many as its config says"):
        Translator.from_preset(tmp_path)


def test_a_ctranslate2_shape_bomb_is_refused(tmp_path):
    for name in ("source_vocabulary.txt", "target_vocabulary.txt"):
        (tmp_path / name).write_text("<blank>\n<s>\n</s>\n")
    name = b"TransformerBase\0"
    content = struct.pack("<IH", 2, len(name)) + name + struct.pack("<II", 1, 1)
    key = b"encoder/embeddings/weight\0"
    content += struct.pack("<H", len(key)) + key
    content += struct.pack("<BII", 2, 2**31, 2**31) + struct.pack("<BI", 4, 0)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(InputError, match="CTranslate2"):
        Translator.from_preset(tmp_path)


def test_token_files_hold_no_objects(tmp_path):
    letters = CharacterTokenizer(list("ab"))
    letters.save(tmp_path / "tokenizer")
    trace = tmp_path / "trace"
    index = {
        "format": "kzoo-tokens-1", "dtype": "uint8", "vocabulary_size": 2,
        "tokenizer": "CharacterTokenizer", "splits": {"../train": {}, "train": {}},
    }  # fmt: skip
    (tmp_path / "tokens.json").write_text(json.dumps(index))
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "tokens.bin").write_bytes(b"\0\1")
    bomb = np.array([Bomb(str(trace))], dtype=object)
    np.save(tmp_path / "train" / "documents.npy", bomb, allow_pickle=True)
    with pytest.raises((InputError, KeyError)):
        open_tokens(tmp_path, "train", letters)
    assert not trace.exists()


def test_another_model_is_named_not_loaded(preset):
    with pytest.raises(InputError, match="Load it with kzoo.models.GPT2CausalLM"):
        TextClassifier.from_preset(preset)
