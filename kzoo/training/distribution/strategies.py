"""Where training runs: one device, several, or several machines."""

import contextlib
import importlib
import os
from typing import Any, Protocol

import keras

from kzoo.errors import InputError, unknown_name
from kzoo.training.distribution.micro_batches import InMicroBatches

STRATEGIES = (
    "auto",
    "none",
    "mirrored",
    "multiworker",
    "data-parallel",
    "model-parallel",
)

# For each backend, the strategies that it has and who makes them.
_MAKERS = {
    "tensorflow": {
        "mirrored": ("tensorflow_strategy", "mirrored"),
        "multiworker": ("tensorflow_strategy", "multiworker"),
    },
    "jax": {
        "data-parallel": ("jax_strategy", "data_parallel"),
        "model-parallel": ("jax_strategy", "model_parallel"),
    },
    "torch": {
        "data-parallel": ("torch_strategy", "data_parallel"),
    },
}

_REFUSED = {
    "tpu": "TPUs are not among the devices that kzoo was tested on.",
    "parameter-server": "Parameter servers train on gradients that are out of date, so "
    "that no two trainings are equal.",
}


class Strategy(Protocol):
    """Where a model is built and trained."""

    num_replicas_in_sync: int
    rank: int
    size: int

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return the scope that models are built and compiled in."""
        ...

    def barrier(self) -> None:
        """Wait until every process is here."""
        ...


class OneDevice:
    """Training on one device: a scope that changes nothing."""

    num_replicas_in_sync = 1
    rank = 0
    size = 1

    def scope(self):
        """Return a scope that changes nothing."""
        return contextlib.nullcontext(self)

    def barrier(self) -> None:
        """Return at once: there is no one to wait for."""


def strategy(
    name: str = "auto", *, micro_batches: int | None = None, **options: Any
) -> Strategy:
    """Return the strategy of a name, in whose `scope()` models are built and compiled.

    Whatever the strategy, a training is that of one device: `batch_size` is always
    that of the global batch, and the learning rate is left alone.

    Args:
        name: `"none"` for one device; on TensorFlow `"mirrored"` for all devices of
            this machine and `"multiworker"` for those of all machines that `TF_CONFIG`
            names; on JAX `"data-parallel"` and `"model-parallel"`; on PyTorch
            `"data-parallel"`. `"auto"` is `multiworker` or `data-parallel` in a group
            of several processes, `mirrored` where TensorFlow sees several GPUs, and
            else `none`.
        micro_batches: In how many parts a batch is computed, on each device one behind
            the other; of all devices together, so a multiple of their number. A part
            takes less memory than the whole, and the step is the same. By default one
            for each device.
        **options: `devices=2` for `mirrored` makes that many devices of the CPU, for
            trying it out; `timeout=30` for `multiworker`: the seconds after which
            a worker that is not heard of is given up; `layouts` and `mesh` for
            `model-parallel`.

    Returns:
        An object with `scope()`, `num_replicas_in_sync`, `rank`, `size` and
        `barrier()`.

    Raises:
        InputError: If there is no such strategy, or the backend has none of it; or if
            micro-batches are not as many for each device.

    Example:
        >>> with strategy("none").scope():
        ...     layer = keras.layers.Dense(1)
    """
    made = _of_name(name, options)
    return made if micro_batches is None else InMicroBatches(made, micro_batches)


def _of_name(name: str, options: dict[str, Any]) -> Strategy:
    backend = keras.backend.backend()
    if name in _REFUSED:
        raise InputError(
            _REFUSED[name],
            f"strategy={name!r}",
            "Pass 'mirrored' or 'multiworker', or 'data-parallel' on JAX.",
        )
    if name not in STRATEGIES:
        raise unknown_name("strategy", name, STRATEGIES)
    if name == "auto":
        name = _automatic(backend)
    if name == "none":
        return OneDevice()
    makers = _MAKERS[backend]
    if name not in makers:
        owners = [owner for owner in _MAKERS if name in _MAKERS[owner]]
        raise InputError(
            "A strategy is one of the backend in use.",
            f"strategy={name!r} on the {backend} backend",
            f"Set KERAS_BACKEND={' or '.join(owners)}, or use one of "
            f"{', '.join(('none', *makers))}.",
        )
    module, function = makers[name]
    module = importlib.import_module(f"kzoo.training.distribution.{module}")
    return getattr(module, function)(**options)


def _automatic(backend: str) -> str:
    if backend == "tensorflow":
        if os.environ.get("TF_CONFIG"):
            return "multiworker"
        import tensorflow as tf

        return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"
    if backend == "jax":
        from kzoo.training.distribution import jax_processes

        size = jax_processes.processes_told()
    else:
        size = int(os.environ.get("WORLD_SIZE", "1"))
    return "data-parallel" if size > 1 else "none"
