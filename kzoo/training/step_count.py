"""How many steps a callback is told of at once."""

import keras


def steps_of(callback: keras.callbacks.Callback) -> int:
    """Return how many steps lie between two calls of `on_train_batch_end`.

    Args:
        callback: A callback, inside of `fit` or called by hand.

    Returns:
        The model's `steps_per_execution`; 1 without a model.

    Example:
        >>> steps_of(keras.callbacks.Callback())
        1
    """
    model = getattr(callback, "_model", None)
    return getattr(model, "steps_per_execution", 1) or 1


def due(after: int, taken: int, every: int) -> bool:
    """Return whether the turn of an n-th step was among those just taken.

    Args:
        after: Steps taken in all.
        taken: Those taken just now.
        every: n; 0 for never.

    Example:
        >>> due(6, 3, 5), due(4, 2, 5)
        (True, False)
    """
    return bool(every) and after // every > (after - taken) // every
