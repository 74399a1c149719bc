"""The strategies of JAX: `data-parallel` and `model-parallel`."""

import contextlib
from collections.abc import Mapping

import keras

from kzoo.errors import InputError
from kzoo.training.distribution import group, jax_processes
from kzoo.training.distribution.jax_devices import DataParallel, ModelParallel


class JaxStrategy:
    """Training on all JAX devices, of one process or of several.

    A model is built and compiled in its scope. Whatever the number of devices, a
    training is that of one device: the same batches, the same masks of dropout, and
    weights that differ by rounding only.

    Args:
        distribution: Where weights and batches lie.

    Attributes:
        num_replicas_in_sync: How many shares the rows of a batch are cut into.
        rank: Which process this is, from 0.
        size: How many processes there are.
    """

    def __init__(self, distribution: DataParallel | ModelParallel) -> None:
        self.distribution = distribution
        self.num_replicas_in_sync = distribution.num_model_replicas
        self.rank = group.rank()
        self.size = group.size()

    @contextlib.contextmanager
    def scope(self):
        """Build models for all devices within it."""
        with self.distribution.scope():
            yield self

    def barrier(self) -> None:
        """Wait until all processes are here."""
        group.barrier()


def data_parallel(devices: int | None = None, timeout: int = 100) -> JaxStrategy:
    """Return the strategy that gives each device a share of a batch's rows.

    Args:
        devices: Take so many devices; where there is no GPU, the CPU is divided into
            as many, to try things out. None takes what there is.
        timeout: Seconds after which a process that is not heard of is given up: the
            others then end, so that the group can be started anew.

    Raises:
        InputError: If there are not as many devices.
    """
    return JaxStrategy(DataParallel(_devices(devices, timeout)))


def model_parallel(
    layouts: Mapping[str, tuple[str | None, ...]],
    mesh: str | None = None,
    devices: int | None = None,
    timeout: int = 100,
) -> JaxStrategy:
    """Return the strategy that cuts weights over the devices as well.

    Args:
        layouts: See `jax_devices.ModelParallel`; `kzoo.models.layout_map` has those
            of the families.
        mesh: How many devices share a batch's rows, and how many the weights, such as
            `"2x4"`; by default all devices share the weights.
        devices: As in `data_parallel`.
        timeout: As in `data_parallel`.

    Raises:
        InputError: If there are not as many devices, or the mesh has not as many.
    """
    shape = parse_mesh(mesh)
    if shape and devices is None:
        devices = shape[0] * shape[1] if group.size() == 1 else None
    names = _devices(devices, timeout)
    return JaxStrategy(ModelParallel(layouts, shape or (1, len(names)), names))


def _devices(count: int | None, timeout: int) -> list[str]:
    """Return the names of the devices, of all processes, or so many of them."""
    import jax

    jax_processes.join(timeout)
    if count is not None and count > jax.config.jax_num_cpu_devices:
        # It cannot be done once something was computed; there may be enough.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", count)
    names = keras.distribution.list_devices()
    if count is not None and len(names) < count:
        raise InputError(
            "A batch is shared among devices that there are.",
            f"devices={count}, of which JAX sees {len(names)}",
            "Ask for fewer, or before anything was computed.",
        )
    return names[:count]


def parse_mesh(text: str | None) -> tuple[int, int] | None:
    """Return a mesh of its text, such as `"2x4"`.

    Args:
        text: Two positive numbers: devices for rows, devices for weights; or None.

    Raises:
        InputError: If it is something else.

    Example:
        >>> parse_mesh("2x4")
        (2, 4)
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise InputError(
            "A mesh is two numbers: of devices for rows, and of devices for weights.",
            f"mesh={text!r}",
            "Pass such as 2x4 or 1x8.",
        )
    return int(parts[0]), int(parts[1])
