"""Adapters in a file of their own: megabytes beside a model of gigabytes."""

import json
import os
import pathlib

import keras
import numpy as np

from kzoo.errors import InputError, reading
from kzoo.files import replacing
from kzoo.training.freezing import weight_names
from kzoo.training.lora import lora_layers

FORMAT = "kzoo-lora-1"


def save_adapters(model: keras.Model, path: str | os.PathLike) -> None:
    """Write what LoRA trained, the adapters and any other weight that trains.

    The file is a safetensors file: tensors by name, rank and alpha as metadata, no
    code. It appears whole or not at all.

    Args:
        model: A model with adapters.
        path: The file, by custom `adapters.safetensors`.

    Raises:
        InputError: If the model has no adapters.
    """
    from safetensors.numpy import save_file

    layers = lora_layers(model)
    if not layers:
        raise InputError(
            "A file of adapters is written of a model that has some.",
            "a model without any",
            "Call enable_lora(model, rank) and train first.",
        )
    trains = {id(variable) for variable in model.trainable_variables}
    tensors = {
        name: np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        for name, variable in weight_names(model).items()
        if id(variable) in trains
    }
    prefix = f"{model.name}/"
    settings = {
        layer.path.removeprefix(prefix): [layer.lora_rank, layer.lora_alpha]
        for layer in layers
    }
    metadata = {"format": FORMAT, "layers": json.dumps(settings)}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_adapters(model: keras.Model, path: str | os.PathLike) -> None:
    """Read a file of adapters into a model of the same shape.

    A model without adapters gets those of the file; nothing is frozen by it, so call
    `enable_lora` first to train on. Nothing changes unless all fits.

    Args:
        model: The model that they were trained on.
        path: What `save_adapters` wrote.

    Raises:
        InputError: If the file is something else, or its tensors and the model's do
            not have the same names and shapes.
    """
    tensors, settings = _read(pathlib.Path(path))
    prefix = f"{model.name}/"
    known = {x.path.removeprefix(prefix): x for x in model._flatten_layers() if x.path}
    missing = [name for name in settings if not hasattr(known.get(name), "enable_lora")]
    if missing:
        raise InputError(
            "Adapters belong to the layers that they were trained beside.",
            f"{path} with layers that the model lacks: {', '.join(missing[:5])}",
            "Load the model that they were trained on.",
        )
    present = {x.path.removeprefix(prefix) for x in lora_layers(model)}
    beyond = sorted(present - set(settings))
    if beyond:
        raise InputError(
            "A model's adapters are those of the file.",
            f"adapters that {path} lacks: {', '.join(beyond[:5])}",
            "Load into a model without adapters, or with the same pattern.",
        )
    _check(tensors, settings, known, weight_names(model), path)
    for name, (rank, alpha) in settings.items():
        layer = known[name]
        if name not in present:
            trained = [v for v in layer.weights if v.trainable]
            layer.enable_lora(rank, lora_alpha=alpha)
            for variable in trained:
                variable.trainable = True
        layer.lora_alpha = alpha
    variables = weight_names(model)
    for name, value in tensors.items():
        variables[name].assign(value)
    model.train_function = model.test_function = model.predict_function = None


def _read(path):
    """Return a file's tensors, and rank and alpha of each layer.

    Raises:
        InputError: If it is not a file of adapters.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(
            "Adapters are read from a safetensors file.",
            f"{path} ({error})",
            "Pass a file that save_adapters wrote.",
        ) from error
    if metadata.get("format") != FORMAT:
        raise InputError(
            "Adapters are read from a file that save_adapters wrote.",
            f"{path} with format={metadata.get('format')!r}",
            "Load whole models with from_preset.",
        )
    with reading("file of adapters", path):
        layers = json.loads(metadata["layers"])
        settings = {
            str(name): (int(rank), float(alpha))
            for name, (rank, alpha) in layers.items()
        }
        for name, (rank, _) in settings.items():
            begin = f"{name}/lora_"
            shapes = [t.shape for n, t in tensors.items() if n.startswith(begin)]
            if not shapes or any(rank not in shape for shape in shapes):
                raise ValueError(f"no tensors of rank {rank} for {name}")
    return tensors, settings


def _check(tensors, settings, known, variables, path):
    """Raise unless every tensor has a place of its shape.

    Raises:
        InputError: If one has not.
    """
    places = {name: tuple(v.shape) for name, v in variables.items()}
    for name, (rank, _) in settings.items():
        layer = known[name]
        part = "kernel" if hasattr(layer, "_kernel") else "embeddings"
        if getattr(layer, "lora_enabled", False):
            continue
        for letter in "ab":  # made when all fits
            key = f"{name}/lora_{part}_{letter}"
            places[key] = tensors[key].shape if key in tensors else (rank,)
    wrong = [
        f"{name} {tuple(value.shape)}"
        for name, value in tensors.items()
        if places.get(name) != tuple(value.shape)
    ]
    if wrong:
        raise InputError(
            "Every tensor of a file of adapters has a place of its shape.",
            f"{path} with {', '.join(wrong[:5])}",
            "Load the model that they were trained on, with the same rank.",
        )
