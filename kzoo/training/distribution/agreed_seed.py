"""One random state for all processes of a training."""

import random
from collections.abc import Callable

import numpy as np


def share_random_state(broadcast: Callable[[np.ndarray], np.ndarray]) -> None:
    """Give every process the first one's state, so that all draw the same weights.

    The first process's own draws do not change by it: a seed that was set there
    before the processes met is everyone's from then on.

    Args:
        broadcast: Returns the first process's array of uint32 in all of them.
    """
    version, words, _ = random.getstate()
    words = broadcast(np.array(words, "uint32"))
    random.setstate((version, tuple(int(word) for word in words), None))
    name, keys, position, *_ = np.random.get_state()
    keys = broadcast(np.append(keys, position).astype("uint32"))
    np.random.set_state((name, keys[:-1], int(keys[-1]), 0, 0.0))
