"""The random states of a process: Python's, NumPy's, Keras's global one, PyTorch's."""

import random
from typing import Any

import keras
import numpy as np

_GLOBAL = "global_seed_generator"


def random_state() -> dict[str, Any]:
    """Return the states, as `set_random_state` takes them.

    The seed generators of layers are not among them: they are variables of a model.

    Example:
        >>> state = random_state()
        >>> first = random.random()
        >>> set_random_state(state)
        >>> random.random() == first
        True
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    state: dict[str, Any] = {
        "python": [version, np.array(words, "uint32"), gauss],
        "numpy": [name, keys, int(position), int(has_gauss), float(cached)],
    }
    generator = _global_generator()
    if generator is not None:
        state["keras"] = np.array(keras.ops.convert_to_numpy(generator.state))
    if keras.backend.backend() == "torch":
        import torch

        state["torch"] = torch.get_rng_state().numpy().copy()
        if torch.cuda.is_available():
            states = torch.cuda.get_rng_state_all()
            state["cuda"] = [each.cpu().numpy().copy() for each in states]
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Set the states to what `random_state` returned."""
    if "keras" in state:
        generator = _global_generator(make=True)
        generator.state.assign(state["keras"])
    if "torch" in state and keras.backend.backend() == "torch":
        import torch

        torch.set_rng_state(torch.from_numpy(np.array(state["torch"])))
        if torch.cuda.is_available():
            here = range(torch.cuda.device_count())
            for index, each in zip(here, state.get("cuda", ()), strict=False):
                each = torch.from_numpy(np.array(each, "uint8"))
                torch.cuda.set_rng_state(each, index)
    version, words, gauss = state["python"]
    random.setstate((int(version), tuple(int(word) for word in words), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    keys = np.asarray(keys, "uint32")
    np.random.set_state((name, keys, int(position), int(has_gauss), float(cached)))


def _global_generator(make: bool = False):
    """Return the generator of random ops without a seed, or None before the first."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import global_seed_generator

    if make:
        return global_seed_generator()
    return global_state.get_global_attribute(_GLOBAL)
