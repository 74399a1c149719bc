"""States of callbacks and the like, as JSON with arrays beside it."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from kzoo.errors import InputError
from kzoo.training.checkpoints.errors import DamagedCheckpoint
from kzoo.training.checkpoints.keras_parts import adapted

_ARRAY = "__array__"


@runtime_checkable
class Part(Protocol):
    """What a checkpoint keeps beside the model."""

    def state_dict(self) -> dict[str, Any]:
        """Return its state: JSON values and NumPy arrays, nested as they like."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that `state_dict` returned."""
        ...


def named_parts(parts: Mapping[str, Any] | Iterable[Any] | None) -> dict[str, Part]:
    """Return parts by name, those of Keras with the two methods that they lack.

    Args:
        parts: By name; or callbacks, whose names are those of their classes, and
            those without a state are left out.

    Returns:
        The parts.

    Raises:
        InputError: If a named part has no state that is known.

    Example:
        >>> import keras
        >>> list(named_parts([keras.callbacks.EarlyStopping("loss")]))
        ['EarlyStopping']
    """
    found: dict[str, Part] = {}
    if parts is None:
        return found
    if isinstance(parts, Mapping):
        for name, part in parts.items():
            known = part if isinstance(part, Part) else adapted(part)
            if known is None:
                raise InputError(
                    "A part of a checkpoint has state_dict and load_state_dict.",
                    f"{name}={type(part).__name__}",
                    "Give it the two methods, or leave it out.",
                )
            found[str(name)] = known
        return found
    for part in parts:
        known = part if isinstance(part, Part) else adapted(part)
        if known is not None:
            name = type(part).__name__
            same = sum(key.split(" ")[0] == name for key in found)
            found[f"{name} {same + 1}" if same else name] = known
    return found


def history_of(model) -> dict[str, Part]:
    """Return Keras's `History` of the `fit` that a model is in, as parts."""
    return named_parts([getattr(model, "history", None)])


def split(value: Any, arrays: dict[str, np.ndarray], place: str = "") -> Any:
    """Return a state as JSON holds it, its arrays moved to `arrays`.

    Args:
        value: The state.
        arrays: Takes the arrays by their place: copies of those that could change.
        place: Where the value is, for messages and names.

    Raises:
        InputError: If something is neither JSON nor an array.

    Example:
        >>> arrays = {}
        >>> split({"best": 0.5, "kept": [np.arange(2)]}, arrays, "stop")
        {'best': 0.5, 'kept': [{'__array__': 'stop/kept/0'}]}
        >>> list(arrays)
        ['stop/kept/0']
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        arrays[place] = np.array(value) if value.flags.writeable else value
        return {_ARRAY: place}
    if isinstance(value, (list, tuple)):
        return [split(x, arrays, f"{place}/{i}") for i, x in enumerate(value)]
    if isinstance(value, Mapping) and _ARRAY not in value:
        return {str(k): split(x, arrays, f"{place}/{k}") for k, x in value.items()}
    raise InputError(
        "The state of a part is JSON and NumPy arrays.",
        f"{place} of type {type(value).__name__}",
        "Let its state_dict return plain values.",
    )


def join(value: Any, arrays) -> Any:
    """Return the state that `split` was given, tuples as lists.

    Args:
        value: What `split` returned.
        arrays: A `TensorFile` with the arrays.

    Raises:
        DamagedCheckpoint: If an array is not there.
    """
    if isinstance(value, dict) and _ARRAY in value:
        if value[_ARRAY] not in arrays.specs:
            raise DamagedCheckpoint(arrays.path, f"no array {value[_ARRAY]!r}")
        return arrays.read(value[_ARRAY])
    if isinstance(value, dict):
        return {key: join(x, arrays) for key, x in value.items()}
    if isinstance(value, list):
        return [join(x, arrays) for x in value]
    return value
