"""Which weights train, chosen by patterns on their names."""

import re
from typing import NamedTuple

import keras

from kzoo.errors import InputError


class ParameterCounts(NamedTuple):
    """How many numbers a model has.

    Attributes:
        trainable: Those that training changes.
        frozen: Those that it leaves.
    """

    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.trainable + self.frozen


def weight_names(model: keras.Model) -> dict[str, keras.Variable]:
    """Return a model's weights by name: their paths, without the model's own name.

    The state of random generators is left out.

    Args:
        model: A model, built.

    Returns:
        Name to variable, in the model's order.

    Raises:
        InputError: If two weights have one name.
    """
    prefix = f"{model.name}/"
    named: dict[str, keras.Variable] = {}
    for variable in model.weights:
        if variable.name == "seed_generator_state":
            continue
        name = variable.path.removeprefix(prefix)
        if name in named:
            raise InputError(
                "Weights are chosen by their names, so each has one of its own.",
                f"two weights named {name!r}",
                "Give the model's layers different names.",
            )
        named[name] = variable
    return named


def freeze(model: keras.Model, pattern: str) -> ParameterCounts:
    """Keep the weights whose names match from training.

    A layer all of whose own weights match is frozen as a whole, so that a
    `BatchNormalization` keeps its averages too. Compile after it, not before: an
    optimizer that has stepped knows the weights it began with.

    Args:
        model: A model, built.
        pattern: A regular expression, searched for anywhere in a weight's name, such
            as `"embedding|block_[0-3]/"`.

    Returns:
        The counts afterwards.

    Raises:
        InputError: If no weight's name matches.

    Example:
        >>> model = keras.Sequential(
        ...     [keras.Input((3,)), keras.layers.Dense(2, name="low"),
        ...      keras.layers.Dense(1, name="high")])
        >>> freeze(model, "low/")
        ParameterCounts(trainable=3, frozen=8)
    """
    return _set_trainable(model, pattern, False)


def unfreeze(model: keras.Model, pattern: str = "") -> ParameterCounts:
    """Let the weights whose names match train again; by default all.

    Args:
        model: A model, built.
        pattern: A regular expression, searched for anywhere in a weight's name.

    Returns:
        The counts afterwards.

    Raises:
        InputError: If no weight's name matches.
    """
    return _set_trainable(model, pattern, True)


def parameter_counts(model: keras.Model) -> ParameterCounts:
    """Return how many numbers of a model train, and how many do not.

    Args:
        model: A model, built.

    Returns:
        The counts, random generators left out.
    """
    trains = {id(variable) for variable in model.trainable_variables}
    counts = {True: 0, False: 0}
    for variable in weight_names(model).values():
        counts[id(variable) in trains] += _size(variable)
    return ParameterCounts(counts[True], counts[False])


def _size(variable):
    size = 1
    for length in variable.shape:
        size *= length
    return size


def _set_trainable(model, pattern, trainable):
    named = weight_names(model)
    chosen = {id(v) for name, v in named.items() if re.search(pattern, name)}
    if not chosen:
        shown = ", ".join(list(named)[:5])
        raise InputError(
            "A pattern matches the name of at least one weight.",
            f"pattern={pattern!r}",
            f"Names are like: {shown}.",
        )
    # Only weights that a layer made to be trained; averages never are.
    for layer in model._flatten_layers():
        own = [*layer._trainable_variables, *layer._non_trainable_variables]
        matches = [variable for variable in own if id(variable) in chosen]
        if matches and len(matches) == len(own) and layer is not model:
            layer.trainable = trainable
        elif matches and trainable:
            layer.trainable = True
        for variable in matches:
            variable.trainable = trainable and not _is_an_average(variable)
    return parameter_counts(model)


def _is_an_average(variable):
    """Return whether a weight is counted or quantised, and never trained."""
    return "moving_" in variable.name or "int" in str(variable.dtype)
