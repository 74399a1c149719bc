"""Initialisers that are made of others: scaled, or side by side in one kernel."""

import keras
from keras import ops

from kzoo.errors import InputError


@keras.saving.register_keras_serializable(package="kzoo")
class Scaled(keras.initializers.Initializer):
    """Multiply what another initialiser draws.

    Args:
        initializer: The other one, or its name.
        scale: The factor.

    Returns:
        Called with a shape, the array.

    Raises:
        ValueError: If Keras knows no initialiser of the name.

    Example:
        >>> float(Scaled("ones", 0.5)((1,))[0])
        0.5
    """

    def __init__(self, initializer, scale: float):
        self.initializer = keras.initializers.get(initializer)
        self.scale = scale

    def __call__(self, shape, dtype=None):
        """Return the scaled draws."""
        return ops.multiply(self.initializer(shape, dtype=dtype), self.scale)

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize(self.initializer)
        return {"initializer": initializer, "scale": self.scale}


@keras.saving.register_keras_serializable(package="kzoo")
class Concatenated(keras.initializers.Initializer):
    """Draw each part of the last axis by an initialiser of its own.

    For kernels that are several in one: query, key and value (D, 3 N H), or gate and
    value (D, 2 F). Each part is drawn with its own fans, as if it stood alone, and a
    paper that scales the value's projection only can be followed.

    Args:
        initializers: One for each part, or their names.
        shares: How the last axis is shared out; by default evenly. `(N, K, K)` for
            attention with fewer key and value heads.

    Returns:
        Called with a shape, the array.

    Raises:
        InputError: If there is not one share for each initialiser, or, at the call,
            the last axis cannot be shared out so.

    Example:
        >>> print(ops.convert_to_numpy(Concatenated(["zeros", "ones"])((1, 4))))
        [[0. 0. 1. 1.]]
    """

    def __init__(self, initializers, shares=None):
        self.initializers = [keras.initializers.get(one) for one in initializers]
        self.shares = [1] * len(self.initializers) if shares is None else list(shares)
        if len(self.shares) != len(self.initializers):
            raise InputError(
                "Every initialiser has its share of the last axis.",
                f"{len(self.initializers)} initialisers, shares={self.shares}",
                "Pass one share for each.",
            )

    def __call__(self, shape, dtype=None):
        """Return the parts, joined."""
        total = sum(self.shares)
        if shape[-1] % total:
            raise InputError(
                "The last axis is shared out among the initialisers.",
                f"shape={tuple(shape)}, shares={self.shares}",
                f"Give the last axis a multiple of {total}, or pass other shares.",
            )
        unit = shape[-1] // total
        drawn = [
            _copy(one, index)((*shape[:-1], share * unit), dtype=dtype)
            for index, (one, share) in enumerate(
                zip(self.initializers, self.shares, strict=True)
            )
        ]
        return ops.concatenate(drawn, axis=-1)

    def get_config(self):
        """Return the constructor's arguments."""
        serialize = keras.initializers.serialize
        return {
            "initializers": [serialize(one) for one in self.initializers],
            "shares": self.shares,
        }


def _copy(initializer, index):
    """Return a copy that draws other values than its neighbours', seeded or not."""
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] += index
    return type(initializer).from_config(config)


def parts_of(initializer, count: int) -> list:
    """Return what draws each of several kernels.

    Args:
        initializer: One for all, or a `Concatenated` with a part for each.
        count: How many kernels.

    Returns:
        The initialisers.
    """
    parts = getattr(initializer, "initializers", ())
    return list(parts) if len(parts) == count else [initializer] * count
