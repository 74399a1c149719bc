"""A preset or run folder: data only, no code.

`config.json` says which model it is, `model.safetensors` holds the weights by their
paths, `tokenizer/` the tokenizer's files, `manifest.json` the sha256 of each of them.
"""

import os
import pathlib

import keras
import numpy as np
from safetensors.numpy import save_file

import kzoo
from kzoo import digests
from kzoo.errors import InputError
from kzoo.files import read_json, replacing, write_json
from kzoo.models.checkpoints.tensor_files import open_tensors
from kzoo.models.checkpoints.weight_table import Entry, assign_weights
from kzoo.training.checkpoints.host import host_view
from kzoo.training.lora import adapter_variables, lora_layers

FORMAT = "kzoo-preset-1"
CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer"


def save(model, folder: str | os.PathLike) -> None:
    """Write a model's preset folder.

    Args:
        model: A `Task`.
        folder: Where to write; made if it does not exist.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder)
    if model.tokenizer is not None:
        model.tokenizer.save(folder / TOKENIZER)
    write_json(
        folder / CONFIG,
        {
            "format": FORMAT,
            "kzoo_version": kzoo.__version__,
            "manifest": digests.DIGESTS,
            "model": type(model).__name__,
            "config": model.arguments,
        },
    )
    _write_manifest(folder)


def save_weights(model, folder: str | os.PathLike) -> None:
    """Write a model's weights alone.

    Whenever this is cut off, the folder's manifest fits the weights that are there:
    it allows the old ones and the new ones while the file is replaced.
    """
    folder = pathlib.Path(folder)
    arrays = {name: np.ascontiguousarray(x) for name, x in weights_of(model).items()}
    files = _manifest(folder)
    with replacing(folder / WEIGHTS) as temporary:
        save_file(arrays, temporary)
        new = digests.version_of(temporary)
        if files is not None:
            old = files.get(WEIGHTS, ())
            digests.write_digests(folder, {**files, WEIGHTS: (*old, new)})
    if files is not None:
        digests.write_digests(folder, {**files, WEIGHTS: (new,)})
    elif (folder / CONFIG).exists():
        _write_manifest(folder)


def _manifest(folder: pathlib.Path):
    """Return what the manifest allows, or None where there is none to go by."""
    try:
        return digests.read_digests(folder)
    except InputError:  # damaged, and about to be written anew
        return None


def _write_manifest(folder: pathlib.Path) -> None:
    tokenizer = (folder / TOKENIZER).rglob("*")
    names = [p.relative_to(folder).as_posix() for p in tokenizer if p.is_file()]
    files = digests.digests_of(folder, [CONFIG, WEIGHTS, *names])
    digests.write_digests(folder, files)


def verify(folder: pathlib.Path) -> None:
    """Raise unless a preset folder is what was written.

    A folder without a manifest, as older versions wrote it, passes.

    Args:
        folder: A folder with `config.json`.

    Raises:
        InputError: If a file is damaged, missing, or one of the tokenizer's that the
            manifest does not name.
    """
    value = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else None
    required = isinstance(value, dict) and "manifest" in value
    named = digests.verify(folder, required=required)
    if named is None:
        return
    for path in (folder / TOKENIZER).rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in named:
            raise InputError(
                "A tokenizer is read from files that the manifest names.",
                f"{path}, which it does not",
                "Take the file away.",
            )


def weights_of(model) -> dict[str, np.ndarray]:
    """Return the values of a model's weights by their paths inside the model.

    A kernel with a LoRA adapter beside it is their sum, and the adapter stays out.
    """
    values = variables_of(model)
    for layer in lora_layers(model):
        part = "kernel" if hasattr(layer, "_kernel") else "embeddings"
        for variable in (getattr(layer, f"_{part}"), *adapter_variables(layer)):
            del values[_name(variable)]
        values[_name(getattr(layer, f"_{part}"))] = getattr(layer, part)
    return {name: _on_host(value) for name, value in values.items()}


def _on_host(value) -> np.ndarray:
    # A weight may lie in parts on the devices of several processes.
    if isinstance(value, keras.Variable):
        return host_view(value)
    return np.asarray(keras.ops.convert_to_numpy(value))


def variables_of(model) -> dict:
    """Return a model's variables by their paths, without the model's own name.

    Random states (of dropout) are not weights and stay out.
    """
    variables = {}
    for variable in model.weights:
        if variable.name == "seed_generator_state":
            continue
        variables[_name(variable)] = variable
    return variables


def _name(variable) -> str:
    return variable.path.split("/", 1)[-1]


def is_preset_folder(folder: pathlib.Path) -> bool:
    """Return whether a folder's `config.json` is one of ours."""
    config = folder / CONFIG
    if not config.is_file():
        return False
    value = read_json(config)
    return isinstance(value, dict) and value.get("format") == FORMAT


def read_config(cls, folder: pathlib.Path) -> dict:
    """Return the constructor's arguments that a preset folder holds.

    Raises:
        InputError: If the folder is of another model class.
    """
    value = read_json(folder / CONFIG)
    if value.get("model") != cls.__name__ or not isinstance(value.get("config"), dict):
        raise InputError(
            f"The folder must hold a {cls.__name__}.",
            f"{folder / CONFIG} with model={value.get('model')!r}",
            f"Load it with kzoo.models.{value.get('model')}.",
        )
    return value["config"]


def load_weights(model, folder: pathlib.Path, *, fresh: tuple[str, ...] = ()) -> None:
    """Assign a preset folder's weights to a model.

    Args:
        model: The model, built.
        folder: The preset folder.
        fresh: Weights that keep their start values.

    Raises:
        InputError: If tensors are missing, unexpected or of another shape.
    """
    entries = [Entry(name, (name,)) for name in variables_of(model)]
    tensors = open_tensors(folder)
    assign_weights(variables_of(model), tensors, entries, fresh=fresh, where=folder)
