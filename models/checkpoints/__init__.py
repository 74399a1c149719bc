"""Hugging Face checkpoints in and out, one module for each family."""

import os
import pathlib
import re
import types

import numpy as np
from safetensors.numpy import save_file

from kzoo.errors import InputError
from kzoo.files import replacing, write_json
from kzoo.layers.positions import sine_table
from kzoo.models.checkpoints import bert, distilbert, gpt2, roberta
from kzoo.models.checkpoints.tensor_files import SAFETENSORS, open_tensors
from kzoo.models.checkpoints.weight_table import assign_weights

# Model class -> its checkpoint families, told apart by their `model_type`.
FAMILIES = {"TextClassifier": (bert, distilbert, roberta), "GPT2CausalLM": (gpt2,)}
_SINES = "embedding/position/embeddings"


def read_config(cls, config: dict, folder: pathlib.Path):
    """Return the family of a Hugging Face config, and the constructor's arguments.

    Raises:
        InputError: If the model type or the architecture is another one, or a field
            is not supported.
    """
    families = FAMILIES[cls.__name__]
    where = folder / "config.json"
    for family in families:
        if config.get("model_type") == family.MODEL_TYPE:
            arguments = family.read_config(config, where)
            if arguments.get("positions") == "sinusoidal":
                arguments["positions"] = _stored_positions(family, arguments, folder)
            return family, arguments
    known = ", ".join(family.MODEL_TYPE for family in families)
    raise InputError(
        f"A {cls.__name__} reads checkpoints of its own families.",
        f"model_type={config.get('model_type')!r} in {where}",
        f"Known: {known}.",
    )


def load_weights(model, family: types.ModuleType, folder, *, fresh=()) -> None:
    """Assign a Hugging Face folder's tensors to a model.

    Raises:
        InputError: If tensors are missing, unexpected or of another shape.
    """
    from kzoo.models.preset_folder import variables_of

    config = model.arguments
    tensors = getattr(family, "adapted", _renamed)(open_tensors(folder), folder, config)
    entries, ignorable = family.entries(config), family.IGNORABLE
    if fresh:
        head = [entry for entry in entries if entry.name in getattr(family, "HEAD", ())]
        absent = [e.name for e in head if not any(s in tensors for s in e.sources)]
        fresh = (*fresh, *absent)
    if config.get("positions") == "sinusoidal":
        sines = next(entry for entry in entries if entry.name == _SINES)
        entries.remove(sines)
        ignorable = (*ignorable, *map(re.escape, sines.sources))
    assign_weights(
        variables_of(model),
        tensors,
        entries,
        ignorable=ignorable,
        fresh=fresh,
        where=folder,
    )


def export_to_transformers(model, folder: str | os.PathLike) -> None:
    """Write a Hugging Face folder; see `Task.export_to_transformers`."""
    from kzoo.models.preset_folder import weights_of

    config = model.arguments
    families = FAMILIES[type(model).__name__]
    family = next((f for f in families if f.fits(config)), None)
    if family is None:
        shapes = "; ".join(f"{f.ARCHITECTURE}: {f.SHAPE}" for f in families)
        raise InputError(
            "Transformers must have an architecture of the model's shape.",
            ", ".join(f"{k}={config[k]!r}" for k in families[0].SHAPE),
            f"It has {shapes}.",
        )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = weights_of(model)
    if config.get("positions") == "sinusoidal":
        weights[_SINES] = sine_table(config["max_sequence_length"], model.hidden_dim)
    tensors = {}
    for entry in family.entries(config):
        tensors.update(entry.write(weights[entry.name].astype("float32")))
    with replacing(folder / SAFETENSORS) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    if model.tokenizer is not None:
        model.tokenizer.save(folder, model.max_sequence_length)
    write_json(
        folder / "config.json",
        {
            "architectures": [family.ARCHITECTURE],
            "model_type": family.MODEL_TYPE,
            **_special_tokens(model.tokenizer),
            **family.write_config(config),
            **_labels(model),
            "torch_dtype": "float32",
        },
    )


def _labels(model) -> dict:
    """Return a classifier's labels as transformers writes them."""
    names = dict(enumerate(getattr(model, "label_names", ())))
    if not names:
        return {}
    return {
        "id2label": {str(index): name for index, name in names.items()},
        "label2id": {name: index for index, name in names.items()},
    }


def _special_tokens(tokenizer) -> dict:
    """Return the ids that transformers wants in the config."""
    ids = {"pad_token_id": 0 if tokenizer is None else tokenizer.pad_id}
    for key, name in (("bos_token_id", "start_id"), ("eos_token_id", "end_id")):
        index = getattr(tokenizer, name, None)
        if index is not None:
            ids[key] = index
    return ids


def _renamed(tensors, where, config):
    """Return tensors under today's names: old files say gamma and beta."""
    if not any(name.endswith((".gamma", ".beta")) for name in tensors):
        return tensors
    ends = {".gamma": ".weight", ".beta": ".bias"}
    renamed = {}
    for name in tensors:
        new = name
        for old_end, new_end in ends.items():
            new = new.removesuffix(old_end) + new_end * new.endswith(old_end)
        renamed[new] = tensors[name]
    return renamed


def _stored_positions(family, arguments, folder):
    """Return "sinusoidal" where a checkpoint's positions are, else "learned".

    Transformers computes the sines at the start only and uses what is stored.
    """
    sines = next(e for e in family.entries(arguments) if e.name == _SINES)
    stored = open_tensors(folder).get(sines.sources[0])
    table = sine_table(arguments["max_sequence_length"], arguments["hidden_dim"])
    if stored is None or stored.shape != table.shape:
        return "sinusoidal"
    return "sinusoidal" if np.abs(stored - table).max() < 1e-6 else "learned"
