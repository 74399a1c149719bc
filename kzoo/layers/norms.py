"""The norms that a residual sublayer takes by name."""

import keras

from kzoo.layers import checks
from kzoo.layers.layer_normalization import LayerNormalization
from kzoo.layers.rms_normalization import RMSNormalization

NORMS = {"layer_norm": LayerNormalization, "rms_norm": RMSNormalization}


def make_norm(
    norm: keras.layers.Layer | str | None, epsilon: float, **kwargs
) -> keras.layers.Layer:
    """Return the norm of a name, or the layer itself.

    Args:
        norm: `"layer_norm"`, `"rms_norm"`, a layer, or None for `"layer_norm"`.
        epsilon: Of a norm made by name.
        **kwargs: Other arguments of a norm made by name.

    Returns:
        The layer.

    Raises:
        InputError: If no norm has the name.

    Example:
        >>> make_norm("rms_norm", 1e-6).epsilon
        1e-06
    """
    if isinstance(norm, keras.layers.Layer):
        return norm
    name = "layer_norm" if norm is None else norm
    checks.one_of(NORMS, norm=name)
    return NORMS[name](epsilon=epsilon, **kwargs)
