"""The norm of all gradients, computed once for all that asks for it.

A small model has a hundred gradients, and what is computed of each by itself, as XLA
does on a CPU, takes as long as the optimizer.
"""

import contextlib
from collections.abc import Iterator

import keras
from keras import ops


def norm(gradients: list):
    """Return the norm of all tensors together, (sum x^2)^(1/2).

    Args:
        gradients: Tensors of any shapes, one or more.

    Returns:
        A scalar, infinite or no number where an entry is, or squares overflow.
    """
    return ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(g)) for g in gradients])))


def clip_limit(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Return the norm that an optimizer clips the gradients to that it is given.

    Args:
        optimizer: A Keras optimizer, of whatever class.

    Returns:
        Its `global_clipnorm`. None where there is none; where gradients are scaled or
        accumulated before they are clipped; where some are no gradients but values to
        assign, as the scales of float8 are; and where its class has its own way.
    """
    plain, own = keras.optimizers.Optimizer, type(optimizer)
    methods = "apply", "stateless_apply", "_clip_gradients"
    variables = optimizer._trainable_variables
    others = (
        any(getattr(own, name) is not getattr(plain, name) for name in methods)
        or optimizer.clipnorm
        or optimizer.gradient_accumulation_steps
        or optimizer.loss_scale_factor is not None
        or any(getattr(v, "overwrite_with_gradient", False) for v in variables)
    )
    limit = optimizer.global_clipnorm or 0.0
    return limit if limit > 0 and not others else None


@contextlib.contextmanager
def clipped(optimizer: keras.optimizers.Optimizer, gradients: list, norm) -> Iterator:
    """Clip gradients by a norm that is known, as the optimizer would.

    ```
    g = g * limit * min(1 / norm, 1 / limit)
    ```

    Inside, the optimizer does not. Where `clip_limit` or the norm is None it does as
    always.

    Args:
        optimizer: A Keras optimizer.
        gradients: Its gradients; None where there is none.
        norm: What `norm` returned of them, or None.

    Yields:
        The gradients to apply.
    """
    limit = clip_limit(optimizer)
    if limit is None or norm is None:
        yield gradients
        return
    scale = limit * ops.minimum(1.0 / norm, 1.0 / limit)
    with unclipped(optimizer):
        yield [None if g is None else g * scale for g in gradients]


@contextlib.contextmanager
def unclipped(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Have an optimizer leave the norm of its gradients as it is for a while.

    Args:
        optimizer: A Keras optimizer.
    """
    limit, optimizer.global_clipnorm = optimizer.global_clipnorm, None
    try:
        yield
    finally:
        optimizer.global_clipnorm = limit
