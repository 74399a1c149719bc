"""How many steps a callback is told of at once."""

import keras

# Among the parameters of callbacks: the steps of an epoch, and those of them that were
# taken before `fit` went on in its middle, from where it counts batches then.
STEPS, TAKEN_BEFORE = "steps", "taken_before"


def steps_of(callback: keras.callbacks.Callback, batch: int | None = None) -> int:
    """Return how many steps lie between two calls of `on_train_batch_end`.

    Args:
        callback: A callback, inside of `fit` or called by hand.
        batch: What `on_train_batch_end` was told: of the steps that are taken at once
            an epoch's last ones may be fewer.

    Returns:
        The model's `steps_per_execution`, or what was left of it; 1 without a model.

    Example:
        >>> steps_of(keras.callbacks.Callback())
        1
    """
    model = getattr(callback, "_model", None)
    taken = getattr(model, "steps_per_execution", 1) or 1
    return taken if batch is None else taken - min(beyond(callback, batch), taken - 1)


def beyond(callback: keras.callbacks.Callback, batch: int) -> int:
    """Return how many of the batches up to this one the epoch does not have.

    Args:
        callback: A callback, or what hands `fit`'s calls on to them.
        batch: What `on_train_batch_end` was told.
    """
    params = getattr(callback, "params", None) or {}
    steps = params.get(STEPS)
    ended = params.get(TAKEN_BEFORE, 0) + batch + 1
    return max(ended - steps, 0) if steps else 0


def ends_epoch(callback: keras.callbacks.Callback, batch: int) -> bool:
    """Return whether an epoch has no batch behind this one, if its length is known.

    Args:
        callback: A callback, or what hands `fit`'s calls on to them.
        batch: What `on_train_batch_end` was told.
    """
    known = (getattr(callback, "params", None) or {}).get(STEPS)
    return bool(known) and beyond(callback, batch + 1) > 0


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
