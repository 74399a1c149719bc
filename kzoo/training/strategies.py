"""Where training runs: one device or several."""

import contextlib

import keras

from kzoo.errors import InputError, unknown_name

STRATEGIES = ("auto", "none", "mirrored")


class _OneDevice:
    """Training on one device: a scope that changes nothing."""

    num_replicas_in_sync = 1

    def scope(self):
        """Return a scope that changes nothing."""
        return contextlib.nullcontext(self)


def strategy(name: str = "auto"):
    """Return the strategy of a name, whose `scope()` models are built in.

    Args:
        name: `"none"` for one device; `"mirrored"` for all devices of this machine
            (TensorFlow only); `"auto"` for mirrored where there are several GPUs
            and the backend is TensorFlow, else none.

    Returns:
        An object with `scope()` and `num_replicas_in_sync`.

    Raises:
        InputError: If there is no such strategy, or the backend cannot.

    Example:
        >>> with strategy("none").scope():
        ...     layer = keras.layers.Dense(1)
    """
    if name not in STRATEGIES:
        raise unknown_name("strategy", name, STRATEGIES)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if name == "mirrored" and not on_tensorflow:
        raise InputError(
            "Mirrored training is TensorFlow's.",
            f"strategy='mirrored' on the {keras.backend.backend()} backend",
            "Set KERAS_BACKEND=tensorflow, or use strategy='none'.",
        )
    if name == "none" or not on_tensorflow:
        return _OneDevice()
    import tensorflow as tf

    if name == "auto" and len(tf.config.list_logical_devices("GPU")) < 2:
        return _OneDevice()
    cpus = tf.config.list_logical_devices("CPU")
    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.MirroredStrategy([d.name for d in gpus or cpus])
