"""What fit changes in a model: weights, random states, optimizer, running metrics."""

from collections.abc import Mapping

import keras
import numpy as np

from kzoo.errors import InputError
from kzoo.training.checkpoints.host import host_view
from kzoo.training.checkpoints.reading import Checkpoint


def variables_of(model: keras.Model) -> dict[str, dict[str, keras.Variable]]:
    """Return all variables of a model in training, by the file that they go into.

    Those of layers include the states of their seed generators. `model` has the
    metrics of the running epoch too; `optimizer` its counters, slots, averages,
    accumulators and loss scale.

    Args:
        model: A compiled model.

    Returns:
        `model` and `optimizer`: variables by number and path.
    """
    own = [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.metrics_variables,
    ]
    optimizer = model.optimizer.variables if model.optimizer is not None else []
    return {"model": _named(own), "optimizer": _named(optimizer)}


def _named(variables) -> dict[str, keras.Variable]:
    # Paths alone may repeat, and Keras counts the layers of a process up.
    once = {id(variable): variable for variable in variables}
    return {f"{i:05d}/{v.path}": v for i, v in enumerate(once.values())}


def all_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return what `variables_of` does in one table, the file before each name."""
    return {
        f"{file}:{name}": variable
        for file, named in variables_of(model).items()
        for name, variable in named.items()
    }


def metric_names(model: keras.Model) -> set[str]:
    """Return the names of the running metrics among the variables of `model`."""
    metrics = {id(variable) for variable in model.metrics_variables}
    named = variables_of(model)["model"]
    return {name for name, variable in named.items() if id(variable) in metrics}


class HostCopy:
    """Copies of variables in memory that is taken once and used again.

    Fresh memory has to be mapped page by page, which takes longer than the copy.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> copied = HostCopy().take(_named(model.variables))
        >>> [array.shape for array in copied.values()]
        [(2, 3), (3,)]
    """

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def prepare(self, variables: Mapping[str, keras.Variable]):
        """Return a call that maps the memory for some variables, in any thread."""
        shapes = {
            name: (tuple(v.shape), keras.backend.standardize_dtype(v.dtype))
            for name, v in variables.items()
        }

        def fill():
            for name, (shape, dtype) in shapes.items():
                if dtype in ("float32", "int32", "int64", "uint32"):
                    self._arrays[name] = np.empty(shape, dtype)
                    self._arrays[name].fill(0)  # each page is touched once

        return fill

    def take(self, variables: Mapping[str, keras.Variable]) -> dict[str, np.ndarray]:
        """Return copies of variables, valid until the next are taken."""
        copied = {}
        for name, variable in variables.items():
            value = host_view(variable)
            array = self._arrays.get(name)
            if array is None or (array.shape, array.dtype) != (
                value.shape,
                value.dtype,
            ):
                array = self._arrays[name] = np.empty(value.shape, value.dtype)
            np.copyto(array, value)
            copied[name] = array
        return copied


def assign(
    model: keras.Model, checkpoint: Checkpoint, *, without_metrics: bool
) -> None:
    """Give a model's variables the values of a checkpoint; all, or none of them.

    Args:
        model: The model, built and compiled as it was.
        checkpoint: The checkpoint.
        without_metrics: Whether the running metrics keep their values.

    Raises:
        InputError: If the variables are not those that were saved.
    """
    plan = []
    for part, variables in variables_of(model).items():
        tensors = checkpoint.tensors(part)
        names = list(tensors.specs)
        if part == "model" and without_metrics:
            metrics = metric_names(model)
            variables = {n: v for n, v in variables.items() if n not in metrics}
            # The last ones; before the first step a model may not have them yet.
            names = names[: len(variables)]
        _check(part, variables, names, tensors.specs, checkpoint.folder)
        plan.append((variables, names, tensors))
    for variables, names, tensors in plan:
        for variable, name in zip(variables.values(), names, strict=True):
            variable.assign(tensors.read(name))


def assign_metrics(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Give the running metrics the values of a checkpoint.

    Raises:
        InputError: If they are not those that were saved.
    """
    metrics = metric_names(model)
    named = variables_of(model)["model"]
    tensors = checkpoint.tensors("model")
    _check("model", named, list(tensors.specs), tensors.specs, checkpoint.folder)
    for (name, variable), saved in zip(named.items(), tensors.specs, strict=True):
        if name in metrics:
            variable.assign(tensors.read(saved))


def _check(part, variables, names, specs, folder) -> None:
    """Raise unless names and shapes fit variables one by one.

    Raises:
        InputError: If they do not.
    """
    wrong = []
    if len(variables) != len(names):
        wrong = [f"{len(names)} tensors for {len(variables)} variables"]
    else:
        for (name, variable), saved in zip(variables.items(), names, strict=True):
            spec = specs[saved]
            here = (
                tuple(variable.shape),
                keras.backend.standardize_dtype(variable.dtype),
            )
            there = spec.shape, spec.dtype.name
            if here != there or _last(name) != _last(saved):
                wrong.append(f"{saved} {there} for {name} {here}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(
            f"A training goes on with the {part} that its checkpoint was saved of.",
            f"{folder} with {'; '.join(wrong[:3])}{more}",
            "Make the model and compile it as before, or start anew in another folder.",
        )


def _last(name: str) -> str:
    # The number of a layer, as in dense_1, depends on what else a process made.
    return name.rsplit("/", 1)[-1].rsplit("_", 1)[-1]
