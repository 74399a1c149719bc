"""Activations by name, with both forms of GELU named apart."""

from collections.abc import Callable

import keras

from kzoo.errors import InputError
from kzoo.layers import kernels


@keras.saving.register_keras_serializable(package="kzoo")
def gelu(x):
    """Return x * Phi(x), with Phi the normal distribution function (erf).

    Reference: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
    """
    return kernels.gelu(x, approximate=False)


@keras.saving.register_keras_serializable(package="kzoo")
def gelu_tanh(x):
    """Return the tanh approximation of GELU, as GPT-2 has it.

    Reference: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
    """
    return kernels.gelu(x, approximate=True)


_OWN = {"gelu": gelu, "gelu_tanh": gelu_tanh}

# Gated units by the names of the paper, and the activation of the gate of each.
GATED = {
    "glu": "sigmoid",
    "bilinear": "linear",
    "reglu": "relu",
    "geglu": "gelu",
    "geglu_tanh": "gelu_tanh",
    "swiglu": "silu",
}


def get(activation: str | Callable | None) -> Callable:
    """Return the activation of a name, or the function itself.

    Args:
        activation: `"gelu"` (exact), `"gelu_tanh"`, any name that
            `keras.activations.get` knows, a function, or None for the identity.

    Returns:
        The function, applied elementwise.

    Raises:
        InputError: If no activation has the name.

    Example:
        >>> get("gelu").__name__
        'gelu'
    """
    if isinstance(activation, str) and activation in _OWN:
        return _OWN[activation]
    try:
        return keras.activations.get(activation)
    except ValueError as error:
        raise InputError(
            "An activation is a function or a known name.",
            f"activation={activation!r}",
            "Pass 'gelu', 'gelu_tanh', 'relu' or another name of keras.activations.",
        ) from error


def serialize(activation: Callable) -> str | dict:
    """Return what `get` makes the same activation from: a name where it has one."""
    for name, function in _OWN.items():
        if activation is function:
            return name
    return keras.activations.serialize(activation)
