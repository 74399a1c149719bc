"""Which rows of the global batch a call computes, where replicas share a batch."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
from keras import ops

_STATE = threading.local()  # replicas of one process are traced in threads


class GlobalRows(NamedTuple):
    """The place of some rows in their global batch.

    Args:
        start: How many rows of the batch come before them; an int or a scalar tensor.
        total: B, the rows of the whole batch; an int or a scalar tensor.
        last: Whether no more rows of the batch are computed here behind these.
        states: Where they are not the last, the generators that drew for them, by
            their id, and the states that they had before.
    """

    start: Any
    total: Any
    last: bool
    states: dict[int, tuple]


@contextlib.contextmanager
def of_global_batch(start, total, last: bool = True) -> Iterator[GlobalRows]:
    """Say, for what is called inside, which rows of the global batch its inputs are.

    What is drawn at random for a row is then what one device would draw for it that
    computed the whole batch: replicas draw for all rows and take their own.

    Args:
        start: How many rows of the batch come before them; an int or a scalar tensor.
        total: B, the rows of the whole batch; an int or a scalar tensor.
        last: Whether no more rows of the batch are computed here behind these. Where
            some are, generators have to be put back behind these: all rows of a
            batch are drawn from one state.

    Yields:
        What `current` returns, for `put_back`.

    Example:
        >>> with of_global_batch(3, 8):
        ...     current().total
        8
    """
    before = current()
    _STATE.rows = GlobalRows(start, total, last, {})
    try:
        yield _STATE.rows
    finally:
        _STATE.rows = before


def current() -> GlobalRows | None:
    """Return what `of_global_batch` said, or None where a batch is computed whole."""
    return getattr(_STATE, "rows", None)


def noted(generator: keras.random.SeedGenerator) -> None:
    """Note the state of a generator that is about to draw for rows of a batch.

    Args:
        generator: A layer's.
    """
    rows = current()
    if rows is not None and not rows.last:
        states = rows.states
        states.setdefault(id(generator), (generator, generator.state.value * 1))


def put_back(rows: GlobalRows) -> None:
    """Put generators back to where they were before they drew for rows of a batch.

    Args:
        rows: What `of_global_batch` handed out.
    """
    for generator, state in rows.states.values():
        generator.state.assign(state)


def dropout(inputs, rate: float, noise_shape=None, seed=None):
    """Return `keras.random.dropout` of rows, as of the whole batch they are part of.

    Args:
        inputs: (B, ...), or a share of its rows.
        rate: The share of entries that are set to zero.
        noise_shape: As in `keras.layers.Dropout`: None, or a size or None (the
            input's) for each axis.
        seed: A `keras.random.SeedGenerator`; it moves on once.

    Returns:
        As `inputs`.
    """
    rows = current()
    if rows is None:
        return keras.random.dropout(inputs, rate, noise_shape=noise_shape, seed=seed)
    noted(seed)
    shape = list(ops.shape(inputs))
    if noise_shape is not None:
        pairs = zip(noise_shape, shape, strict=True)
        shape = [own if size is None else size for size, own in pairs]
    in_common = noise_shape is not None and noise_shape[0] is not None
    if not in_common:
        shape[0] = rows.total
    ones = ops.ones(shape, dtype=inputs.dtype)
    mask = keras.random.dropout(ones, rate, seed=seed)
    mask = mask if in_common else _own(mask, rows, inputs)
    if not _divides(seed) or rate == 1:
        return inputs * mask
    return ops.where(mask != 0, inputs / (1 - rate), ops.zeros_like(inputs))


def _divides(seed: keras.random.SeedGenerator) -> bool:
    """Return whether Keras divides what is kept by 1 - rate, and rounds once.

    Elsewhere it multiplies by the inverse, which in half precision is another number.
    """
    seeded = seed.get_config()["seed"] is not None
    return {"jax": True, "torch": seeded}.get(keras.backend.backend(), False)


def uniform(shape, inputs, seed):
    """Return uniform draws in [0, 1) for rows, as for their whole batch.

    Args:
        shape: Of the draws; its first axis is that of the rows.
        inputs: Whose rows they are, (B, ...) or a share of it.
        seed: A `keras.random.SeedGenerator`; it moves on once.

    Returns:
        float32 draws of that shape.
    """
    rows = current()
    if rows is None:
        return keras.random.uniform(shape, seed=seed)
    noted(seed)
    draws = keras.random.uniform((rows.total, *shape[1:]), seed=seed)
    return _own(draws, rows, inputs)


def _own(drawn, rows: GlobalRows, inputs):
    count = ops.shape(inputs)[0]
    if keras.backend.backend() != "jax":
        return drawn[rows.start : rows.start + count]
    # In a loop that is compiled, where rows start is not known.
    start = [rows.start, *[0] * (len(drawn.shape) - 1)]
    return ops.slice(drawn, start, (count, *drawn.shape[1:]))
