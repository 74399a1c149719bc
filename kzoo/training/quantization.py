"""Keras's weight quantisation of a whole model, with an account of what it did."""

import re
import warnings
from typing import NamedTuple

import keras
import numpy as np

from kzoo.errors import InputError, unknown_name

MODES = ("int8", "int4")


class QuantizationReport(NamedTuple):
    """What was quantised.

    Attributes:
        layers: How many layers have quantised kernels now.
        bytes_before: The size of all weights before.
        bytes_after: And after.
    """

    layers: int
    bytes_before: int
    bytes_after: int


def quantize(
    model: keras.Model, mode: str = "int8", *, pattern: str | None = None
) -> QuantizationReport:
    """Quantise the kernels of a model in place, for inference.

    Each column of a kernel has a scale of its own, so in a fused projection query, key
    and value keep scales apart. Under `int8` the activations are quantised as well,
    row by row while it runs; under `int4` the kernel alone, two numbers to a byte.
    Embedding tables, norms and biases of kzoo's layers stay as they are.

    A quantised model of the zoo is saved by `model.save`. Any other is saved by
    `save_weights`, and loaded by quantising a model of the same shape in the same
    manner before `load_weights`.

    Args:
        model: A model, built.
        mode: `"int8"` or `"int4"`.
        pattern: A regular expression, searched for in the paths of layers; by
            default every layer that Keras can quantise.

    Returns:
        What was done.

    Raises:
        InputError: If the mode is unknown, or no layer matches that can be quantised.

    Example:
        >>> model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
        >>> quantize(model, "int8")
        QuantizationReport(layers=1, bytes_before=16640, bytes_after=4608)

    Reference:
        Dettmers et al. 2022, arXiv:2208.07339, section 2, for scales by row and column.
    """
    if mode not in MODES:
        raise unknown_name("mode", mode, MODES)
    before = _size(model)

    def wanted(layer):
        # Keras refuses a layer without weights that was never called, a dropout.
        matches = pattern is None or re.search(pattern, layer.path or "")
        return layer.built and bool(matches)

    with warnings.catch_warnings():  # one for each layer that has nothing to quantise
        warnings.filterwarnings("ignore", "Layer .* does not have a `quantize` method")
        config = keras.quantizers.Int4QuantizationConfig(block_size=-1)
        chosen = {"config": config} if mode == "int4" else {}
        model.quantize(mode, filters=wanted, **chosen)
    done = [x for x in model._flatten_layers() if _is_quantized(x, model)]
    if not done:
        raise InputError(
            "Quantisation finds at least one kernel.",
            f"pattern={pattern!r}",
            "Pass a part of the path of a dense layer, such as 'attention'.",
        )
    return QuantizationReport(len(done), before, _size(model))


def quantized_layers(model: keras.Model) -> dict[str, str]:
    """Return the mode of every quantised layer, by its path inside the model."""
    return {
        _inside(layer): layer.quantization_mode
        for layer in model._flatten_layers()
        if _is_quantized(layer, model)
    }


def quantize_layers(model: keras.Model, modes: dict[str, str]) -> None:
    """Quantise what `quantized_layers` returned of a model of the same shape.

    Args:
        model: The model, built.
        modes: Path to mode.
    """
    for mode in sorted(set(modes.values())):
        paths = [re.escape(path) for path, own in modes.items() if own == mode]
        quantize(model, mode, pattern=f"^[^/]+/({'|'.join(paths)})$")


def _inside(layer) -> str:
    return layer.path.split("/", 1)[-1]


def _is_quantized(layer, model):
    return layer is not model and getattr(layer, "_is_quantized", False)


def _size(model):
    arrays = (keras.ops.convert_to_numpy(weight) for weight in model.weights)
    return sum(np.asarray(array).nbytes for array in arrays)
