"""The learning rate of a step, whatever the optimizer is wrapped in."""

import keras


def learning_rate_of(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    """Return the learning rate that an optimizer takes at a step.

    It is computed from the schedule: during an epoch on JAX the optimizer's own
    counter stands still. Under gradient accumulation, too, a schedule counts batches
    and not updates.

    Args:
        optimizer: An optimizer, or a `LossScaleOptimizer` around one.
        step: The step, counted from 0.

    Returns:
        The learning rate.

    Example:
        >>> learning_rate_of(keras.optimizers.SGD(0.5), step=3)
        0.5
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(inner, "_learning_rate", inner.learning_rate)
    value = schedule(step) if callable(schedule) else schedule
    return float(keras.ops.convert_to_numpy(value))
