"""Sizes that a config claims, held to the weights that come with it."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

from kzoo.errors import InputError

_WEIGHTS = ("*.safetensors", "*.bin")
# Matrices of every model that has both sizes, and lists of blocks.
_PRODUCTS = (
    ("vocabulary_size", "hidden_dim"),
    ("source_vocabulary_size", "hidden_dim"),
    ("hidden_dim", "hidden_dim"),
    ("hidden_dim", "intermediate_dim"),
    ("hidden_dim", "decoder_intermediate_dim"),
    ("num_layers", "hidden_dim", "hidden_dim"),
    ("num_decoder_layers", "hidden_dim", "hidden_dim"),
)
# Tables that are computed, such as those of sines, are in no file.
_COMPUTED = 1 << 26


def check_sizes(config: Mapping[str, Any], folder: pathlib.Path) -> None:
    """Refuse a config that asks for more weights than the folder's files hold.

    A model is made before its weights are compared, name by name and shape by shape;
    a few wrong digits would make one that fills all memory. A weight takes a byte or
    more, so that files of so many bytes hold no greater matrix.

    Args:
        config: The constructor's arguments.
        folder: The folder with the weights.

    Raises:
        InputError: If a size is no number above 0, or there is not enough for it.
    """
    files = {path for pattern in _WEIGHTS for path in folder.glob(pattern)}
    size = sum(path.stat().st_size for path in files)
    for name, value in config.items():
        if name.endswith(("_dim", "_size", "_layers", "_heads", "_length")):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InputError(
                    "A size is a number above 0.", f"{name}={value!r} in {folder}"
                )
            if value > max(size, _COMPUTED):
                raise _too_great(f"{name}={value}", size, folder)
    for names in _PRODUCTS:
        values = [config[name] for name in names if config.get(name) is not None]
        if len(values) < len(names):
            continue
        product = math.prod(values)
        if product > size:
            told = ", ".join(f"{n}={config[n]}" for n in dict.fromkeys(names))
            raise _too_great(told, size, folder)
    table = int(config.get("max_sequence_length") or 0)
    if table * int(config.get("hidden_dim") or 0) > max(size, _COMPUTED):
        raise _too_great(f"max_sequence_length={table}", size, folder)


def _too_great(what: str, size: int, folder: pathlib.Path) -> InputError:
    return InputError(
        "The weights of a folder are as many as its config says.",
        f"{what}, with weights of {size:,} bytes in {folder}",
        "The files are of different models, or damaged: copy them again.",
    )
