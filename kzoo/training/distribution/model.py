"""Models whose training is the same on one device and on several."""

import importlib

import keras

from kzoo.errors import InputError
from kzoo.training.distribution import micro_batches

# Who overrides steps of a model, for each backend.
_STEPS = {
    "tensorflow": ("tensorflow_steps", "TensorFlowSteps"),
    "jax": ("jax_model", "JaxSteps"),
    "torch": ("torch_steps", "TorchSteps"),
}


def _steps() -> type:
    module, name = _STEPS[keras.backend.backend()]
    module = importlib.import_module(f"kzoo.training.distribution.{module}")
    return getattr(module, name)


class Distributed(_steps()):
    """A base that makes a Keras model train on several devices as on one.

    It stands before `keras.Model`: `class Net(kzoo.training.Distributed,
    keras.Model)`. Built and compiled in the scope of a `kzoo.training.strategy`, the
    model then has what Keras leaves open: the loss and the metrics of a step are those
    of the global batch, whatever its replicas hold of real tokens; gradients are
    clipped when they have been added up; gradient accumulation works; and `kzoo.layers`
    drop the same entries. Without a strategy nothing changes.

    `kzoo.models` have it built in; `distributed(model)` adds it to a model that is
    there already.
    """


def distributed(model: keras.Model) -> keras.Model:
    """Give a Keras model the steps of `Distributed`, and return it.

    Its dropout is that of one device where the layers are `kzoo.layers.Dropout`;
    masks of `keras.layers.Dropout` are drawn for each replica's rows alone.

    Args:
        model: Any model, made in the scope of a strategy.

    Returns:
        The same model; its class is a subclass of its own, of the same name.

    Raises:
        InputError: If it is no model.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> isinstance(distributed(model), Distributed)
        True
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            "What is trained on several devices is a Keras model.",
            f"model of type {type(model).__name__}",
        )
    cls = type(model)
    if not issubclass(cls, Distributed):
        names = {"__module__": cls.__module__, "__doc__": cls.__doc__}
        model.__class__ = type(cls.__name__, (Distributed, cls), names)
        if model.compiled:
            model._micro_batches = micro_batches.asked()
    return model
