"""Low-rank adaptation: a small product of two matrices beside each frozen kernel."""

import re

import keras

from kzoo.errors import InputError
from kzoo.training.freezing import ParameterCounts, parameter_counts, weight_names

DENSE = (keras.layers.Dense, keras.layers.EinsumDense)


def enable_lora(
    model: keras.Model,
    rank: int,
    *,
    pattern: str | None = None,
    alpha: float | None = None,
    train: str | None = None,
) -> ParameterCounts:
    """Freeze a model and put trainable low-rank adapters beside its kernels.

    ```
    y = x (W + alpha / rank * A B),   A (D, rank) random, B (rank, F) zero
    ```

    so the model's answers are the same until it trains. Compile after it.

    Args:
        model: Any Keras model, built. The layers that can have adapters are Keras's
            `Dense`, `EinsumDense`, `Embedding` and convolutions; kzoo's layers
            are made of them.
        rank: Columns of A, rows of B.
        pattern: A regular expression, searched for in the paths of layers; by
            default every `Dense` and `EinsumDense`. `"attention"` takes attention's
            projections alone; a fused kernel gets one adapter for query, key and value.
        alpha: Factor on the product; by default the rank, so that it is one.
        train: A regular expression for names of weights that train beside the
            adapters, such as `"classifier"`, a new last layer. A layer of which it
            takes the kernel gets no adapter.

    Returns:
        How many numbers train now, and how many do not.

    Raises:
        InputError: If the rank is not positive, no layer matches, or the model has
            adapters.

    Example:
        >>> model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
        >>> enable_lora(model, 2)
        ParameterCounts(trainable=256, frozen=4160)

    Reference:
        Hu et al. 2021, arXiv:2106.09685, section 4.
    """
    if rank < 1:
        raise InputError(
            "A low rank is 1 or more.", f"rank={rank!r}", "Pass 4, 8 or 16."
        )
    if lora_layers(model):
        raise InputError(
            "A model is given adapters once.",
            f"{len(lora_layers(model))} layers that have them",
            "Merge those first with merge_lora(model).",
        )
    named = weight_names(model)
    kept = {
        id(v) for n, v in named.items() if train is not None and re.search(train, n)
    }
    if train is not None and not kept:
        raise InputError(
            "A pattern matches the name of at least one weight.",
            f"train={train!r}",
            f"Names are like: {', '.join(list(named)[:5])}.",
        )
    chosen = _choose(model, pattern, kept)
    for layer in model._flatten_layers():
        own = [*layer._trainable_variables, *layer._non_trainable_variables]
        for variable in own:
            if variable.trainable and id(variable) not in kept:
                variable.trainable = False
    for layer in chosen:
        layer.trainable = True
        _freeze_weights(layer)
        layer.enable_lora(rank, lora_alpha=alpha)
    _forget_compiled(model)
    return parameter_counts(model)


def merge_lora(model: keras.Model) -> ParameterCounts:
    """Add every adapter to its kernel and take it away; the answers stay.

    The merged kernels train again; `unfreeze(model)` gives back the rest. Compile
    after it.

    Args:
        model: A model with adapters.

    Returns:
        How many numbers train now, and how many do not.

    Raises:
        InputError: If the model has none, or its kernels are quantised.
    """
    layers = lora_layers(model)
    if not layers:
        raise InputError(
            "Only adapters can be merged.",
            "a model without any",
            "Give it some with enable_lora(model, rank).",
        )
    for layer in layers:
        if layer.quantization_mode is not None:
            raise InputError(
                "A quantised kernel has no room for an adapter's digits.",
                f"{layer.path} in {layer.quantization_mode}",
                "Merge first and quantise then, or keep the adapters beside it.",
            )
    for layer in layers:
        name = "kernel" if hasattr(layer, "_kernel") else "embeddings"
        variable = getattr(layer, f"_{name}")
        merged = keras.ops.convert_to_numpy(getattr(layer, name))
        for adapter, part in zip(adapter_variables(layer), "ab", strict=True):
            layer._untrack_variable(adapter)
            # Not delattr: Keras would collect all garbage for each.
            layer.__dict__.pop(f"lora_{name}_{part}")
        layer.lora_enabled = False
        layer.lora_rank = layer.lora_alpha = None
        variable.assign(merged)
        variable.trainable = True
    _forget_compiled(model)
    return parameter_counts(model)


def lora_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model that have adapters.

    Args:
        model: A model, built.

    Returns:
        The layers, in the model's order.
    """
    return [x for x in model._flatten_layers() if getattr(x, "lora_enabled", False)]


def adapter_variables(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return the two matrices of a layer's adapter, A and B."""
    name = "kernel" if hasattr(layer, "_kernel") else "embeddings"
    return [getattr(layer, f"lora_{name}_{part}") for part in ("a", "b")]


def _choose(model, pattern, kept):
    """Return the layers that get an adapter.

    Raises:
        InputError: If there is none.
    """
    able = [x for x in model._flatten_layers() if hasattr(x, "enable_lora") and x.built]
    able = [x for x in able if not any(id(v) in kept for v in x.weights)]
    if pattern is None:
        found = [x for x in able if isinstance(x, DENSE)]
    else:
        found = [x for x in able if re.search(pattern, x.path or "")]
    if found:
        return found
    shown = ", ".join(x.path for x in able[:5]) or "none at all"
    raise InputError(
        "Adapters belong to layers with a kernel that Keras can adapt.",
        f"pattern={pattern!r}",
        f"Pass a pattern for some of those that it can: {shown}.",
    )


def _freeze_weights(layer):
    for variable in layer.weights:
        variable.trainable = False


def _forget_compiled(model):
    """Drop the compiled steps, which know the weights as they were."""
    model.train_function = model.test_function = model.predict_function = None
