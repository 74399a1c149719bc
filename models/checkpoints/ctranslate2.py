"""CTranslate2's folders of Transformers trained with OpenNMT: `model.bin`.

The base and big Transformer of format 2 are read: pre-LN, ReLU, sines before cosines
at positions counted from 1, a head of its own with a bias.
"""

import pathlib
import re
import struct
from collections.abc import Mapping

import numpy as np

from kzoo.errors import InputError
from kzoo.models.checkpoints.weight_table import Entry, dense, encoder_block, norm

MODEL = "model.bin"
VOCABULARIES = ("source_vocabulary.txt", "target_vocabulary.txt")
IGNORABLE = ()
# The tensors that tell the sizes.
_SIZES = (
    "decoder/embeddings/weight",
    "encoder/embeddings/weight",
    "decoder/layer_0/ffn/linear_0/weight",
    "encoder/layer_0/ffn/linear_0/weight",
)
_FORMAT = 2
_HEADS = {"TransformerBase": 8, "TransformerBig": 16}
_TYPES = {4: "float32"}
_START, _END, _PAD = 1, 2, 0  # <s>, </s>, <blank>
_LENGTH = 512


def is_folder(folder: pathlib.Path) -> bool:
    """Return whether a folder is one of CTranslate2's."""
    return all((folder / name).is_file() for name in (MODEL, *VOCABULARIES))


def read_config(folder: pathlib.Path) -> dict:
    """Return the constructor's arguments of a folder.

    Raises:
        InputError: If the format, the kind or the number type is another, or a tensor
            is missing.
    """
    name, tensors = _read(folder / MODEL)
    missing = [one for one in _SIZES if one not in tensors]
    if missing:
        raise InputError(
            "Every tensor of a checkpoint has its place in the model.",
            f"{folder / MODEL}; missing: {', '.join(missing)}",
            "Check that the file is of this model and complete.",
        )
    target, hidden_dim = tensors["decoder/embeddings/weight"].shape
    return {
        "vocabulary_size": target,
        "source_vocabulary_size": len(tensors["encoder/embeddings/weight"]),
        "hidden_dim": hidden_dim,
        "num_layers": _layers(tensors, "encoder"),
        "num_decoder_layers": _layers(tensors, "decoder"),
        "num_heads": _HEADS[name],
        "intermediate_dim": len(tensors["encoder/layer_0/ffn/linear_0/weight"]),
        "decoder_intermediate_dim": len(tensors["decoder/layer_0/ffn/linear_0/weight"]),
        "max_sequence_length": _LENGTH,
        "norm_placement": "pre",
        "activation": "relu",
        "positions": "learned",  # the table of sines from 1 on
        "scale_embedding": True,
        "tie_embeddings": False,
        "logits_bias": True,
        "start_id": _START,
        "end_id": _END,
        "pad_id": _PAD,
    }


def open_tensors(folder: pathlib.Path) -> Mapping[str, np.ndarray]:
    """Return the tensors under torch's names, and the positions that they go with."""
    _, tensors = _read(folder / MODEL)
    hidden_dim = tensors["decoder/embeddings/weight"].shape[1]
    renamed = {"positions": _sines(hidden_dim)}
    for name, tensor in tensors.items():
        layer, part = name.rsplit("/", 1)
        part = {"gamma": "weight", "beta": "bias"}.get(part, part)
        if layer.endswith("/attention/linear_1"):  # of the encoder's outputs
            key, value = np.split(tensor, 2)
            renamed[f"{layer}_key.{part}"] = key
            renamed[f"{layer}_value.{part}"] = value
        else:
            is_head_bias = name == "decoder/projection/bias"
            renamed[f"{layer}.{part}"] = tensor[None] if is_head_bias else tensor
    return renamed


def entries(config: dict) -> list[Entry]:
    """Return the table of weights."""
    head = "decoder/projection"
    table = [
        Entry("output_projection/kernel", (f"{head}.weight",), transposed=True),
        Entry("logits_bias", (f"{head}.bias",)),
    ]
    for stack, token in (("encoder", "source_token"), ("decoder", "target_token")):
        table.append(Entry(f"{token}/embeddings", (f"{stack}/embeddings.weight",)))
        table.append(Entry(f"{stack}/position/embeddings", ("positions",)))
        table += norm(f"{stack}/norm", f"{stack}/layer_norm")
    for index in range(config["num_layers"]):
        table += _block(f"encoder/block_{index}", f"encoder/layer_{index}")
    for index in range(config["num_decoder_layers"]):
        ours, theirs = f"decoder/block_{index}", f"decoder/layer_{index}/attention"
        table += _block(ours, f"decoder/layer_{index}")
        table += norm(f"{ours}/cross_attention/norm", f"{theirs}/layer_norm")
        for part, source in (
            ("query", "linear_0"),
            ("key", "linear_1_key"),
            ("value", "linear_1_value"),
            ("output_projection", "linear_2"),
        ):
            attention = f"{ours}/cross_attention/encoder_attention"
            table += dense(f"{attention}/{part}", f"{theirs}/{source}")
    return table


def _block(ours, theirs):
    return encoder_block(
        ours,
        query_key_value=[f"{theirs}/self_attention/linear_0"],
        output=f"{theirs}/self_attention/linear_1",
        attention_norm=f"{theirs}/self_attention/layer_norm",
        inner=f"{theirs}/ffn/linear_0",
        outer=f"{theirs}/ffn/linear_1",
        feed_forward_norm=f"{theirs}/ffn/layer_norm",
    )


def _layers(tensors, stack):
    found = (re.match(rf"{stack}/layer_(\d+)/", name) for name in tensors)
    return 1 + max(int(match[1]) for match in found if match)


def _sines(hidden_dim):
    """Return sines and cosines of positions from 1 on, (length, D) float32."""
    half = hidden_dim // 2
    rates = np.exp(-np.arange(half) * np.log(10_000) / (half - 1))
    angle = np.arange(1, _LENGTH + 1)[:, None] * rates
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype("float32")


def _read(path: pathlib.Path) -> tuple[str, dict[str, np.ndarray]]:
    """Return the kind of a model and its tensors.

    Raises:
        InputError: If the file is cut short, or of another format or kind.
    """
    reader = _Reader(path)
    version = reader.number("I")
    if version != _FORMAT:
        raise reader.refused(f"format {version}")
    name = reader.text()
    revision = reader.number("I")
    if name not in _HEADS:
        raise reader.refused(f"{name!r}, revision {revision}")
    tensors = {}
    for _ in range(reader.number("I")):
        key, rank = reader.text(), reader.number("B")
        shape = [reader.number("I") for _ in range(rank)]
        size, count = reader.number("B"), reader.number("I")
        if size not in _TYPES or count != np.prod(shape, dtype="int64"):
            raise reader.refused(f"{key!r} of {size} bytes each, {count} of {shape}")
        values = np.frombuffer(reader.bytes(size * count), _TYPES[size])
        tensors[key] = values.reshape(shape)
    reader.finish()
    return name, tensors


class _Reader:
    """A file's bytes, read from the front."""

    def __init__(self, path):
        self._path, self._data, self._at = path, path.read_bytes(), 0

    def bytes(self, count):
        end = self._at + count
        if end > len(self._data):
            raise self.refused("a file that ends too soon")
        part, self._at = self._data[self._at : end], end
        return part

    def number(self, kind):
        return struct.unpack(f"<{kind}", self.bytes(struct.calcsize(f"<{kind}")))[0]

    def text(self):
        return self.bytes(self.number("H")).rstrip(b"\0").decode("utf-8", "replace")

    def finish(self):
        if self._at != len(self._data):
            raise self.refused("bytes behind the last tensor")

    def refused(self, what):
        return InputError(
            "A CTranslate2 model is read in format 2, float32, as "
            f"{' or '.join(_HEADS)}.",
            f"{self._path} with {what}",
            "Convert the checkpoint that it was made of.",
        )
