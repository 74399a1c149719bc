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
from kzoo.models.checkpoints import bert, distilbert, gpt2, marian, roberta
from kzoo.models.checkpoints.config_sizes import check_sizes
from kzoo.models.checkpoints.tensor_files import SAFETENSORS, open_tensors
from kzoo.models.checkpoints.weight_table import assign_weights

# Model class -> its checkpoint families, told apart by their `model_type`.
FAMILIES = {
    "TextClassifier": (bert, distilbert, roberta),
    "GPT2CausalLM": (gpt2,),
    "Translator": (marian,),
}


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
            if _has_sines(arguments):
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
    tensors = getattr(family, "open_tensors", open_tensors)(folder)
    tensors = getattr(family, "adapted", _renamed)(tensors, folder, config)
    entries, ignorable = family.entries(config), family.IGNORABLE
    if fresh:
        head = [entry for entry in entries if entry.name in getattr(family, "HEAD", ())]
        absent = [e.name for e in head if not any(s in tensors for s in e.sources)]
        fresh = (*fresh, *absent)
    if _has_sines(config):
        for sines in _position_tables(family, entries):
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
    if _has_sines(config):
        weights.update(dict.fromkeys(family.POSITION_TABLES, _sines(config)))
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
    if hasattr(family, "generation_config"):
        write_json(folder / "generation_config.json", family.generation_config(config))


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


def _has_sines(config: dict) -> bool:
    return str(config.get("positions")).startswith("sinusoidal")


def _sines(config: dict) -> np.ndarray:
    return sine_table(
        config["max_sequence_length"],
        config["hidden_dim"],
        interleaved=config["positions"] == "sinusoidal",
    )


def _position_tables(family, entries: list) -> list:
    return [entry for entry in entries if entry.name in family.POSITION_TABLES]


def _stored_positions(family, arguments, folder):
    """Return the kind of sines where a checkpoint's positions are, else "learned".

    Transformers computes the sines at the start only and uses what is stored.
    """
    tensors = open_tensors(folder)
    check_sizes(arguments, folder)  # before anything as large as it says is made
    table = _sines(arguments)
    for entry in _position_tables(family, family.entries(arguments)):
        stored = tensors.get(entry.sources[0])
        if stored is not None and stored.shape == table.shape:
            if np.abs(stored - table).max() >= 1e-6:
                return "learned"
    return arguments["positions"]
