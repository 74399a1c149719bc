"""The strategies of TensorFlow: `mirrored` and `multiworker`."""

import json
import os

from kzoo.errors import InputError
from kzoo.training.distribution import group

# TensorFlow joins a cluster once in a process; and two strategies of the same devices
# would number their collective operations alike, and take them for one another's.
_made: dict[tuple[str, ...], "TensorFlowStrategy"] = {}


class TensorFlowStrategy:
    """A strategy of `tf.distribute`, and where this process stands in it.

    Args:
        native: The strategy.
        rank: Which process this is, from 0.
        size: How many there are.

    Attributes:
        num_replicas_in_sync: How many devices share a batch, on all machines.
    """

    def __init__(self, native, rank: int = 0, size: int = 1) -> None:
        self.native = native
        self.num_replicas_in_sync = native.num_replicas_in_sync
        self.rank = rank
        self.size = size

    def scope(self):
        """Return the scope that models are built and compiled in."""
        return self.native.scope()

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            self.add(0)

    def add(self, number: int) -> int:
        """Return the sum of a number over all processes; each has to call it."""
        import tensorflow as tf

        first = local_replicas(self.native)[0]

        def value(context):
            mine = context.replica_id_in_sync_group == first
            return tf.constant(number if mine else 0, tf.int64)

        values = self.native.experimental_distribute_values_from_function(value)
        return int(self.native.reduce("SUM", values, axis=None))


def mirrored(devices: int | None = None) -> TensorFlowStrategy:
    """Return the strategy of all GPUs of this machine, or of its CPU's devices.

    Args:
        devices: Make so many logical devices of the CPU, where there is no GPU, to
            try things out; or take so many GPUs. None takes what there is.

    Raises:
        InputError: If there are not as many.
    """
    import tensorflow as tf

    if devices is not None and not tf.config.list_physical_devices("GPU"):
        _divide_cpu(tf, devices)
    found = tf.config.list_logical_devices("GPU")
    found = found or tf.config.list_logical_devices("CPU")
    if devices is not None and len(found) < devices:
        raise InputError(
            "A batch is shared among devices that there are.",
            f"devices={devices}, of which TensorFlow sees {len(found)}",
            "Ask for fewer, or before anything was computed.",
        )
    names = tuple(device.name for device in found[:devices])
    if names not in _made:
        _made[names] = TensorFlowStrategy(tf.distribute.MirroredStrategy(names))
    return _made[names]


def _divide_cpu(tf, devices: int) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * devices
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:  # it has computed already; there may be enough
        pass


def multiworker(timeout: int = 60) -> TensorFlowStrategy:
    """Return the strategy of all machines that `TF_CONFIG` names.

    Gradients go round a ring of CPUs, or through NCCL between GPUs.

    Args:
        timeout: Seconds after which a worker that is not heard of is given up: the
            others then end with an error, so that the group can be started anew.

    Raises:
        InputError: If `TF_CONFIG` is not set or not fit, or TensorFlow has computed
            already.
    """
    workers, rank = _read_config()
    if (known := _made.get(tuple(workers))) is not None:
        return known
    import tensorflow as tf

    _watch(tf, len(workers), timeout)
    try:
        native = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "Workers meet before TensorFlow computes anything.",
            "strategy='multiworker' after a computation",
            "Call kzoo.training.strategy first of all.",
        ) from error
    made = TensorFlowStrategy(native, rank, len(workers))
    _made[tuple(workers)] = made
    group.join(group.Group(rank, len(workers), made.add))
    return made


def _watch(tf, workers: int, timeout: int) -> None:
    """Have the workers watch each other's heartbeats."""
    from tensorflow.python.eager import context

    job = _coordinated_job("worker", workers)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=max(timeout, 300) * 1000,
        heartbeat_timeout_in_ms=timeout * 1000,
        shutdown_barrier_timeout_in_ms=timeout * 1000,
        coordinated_jobs=[job],
    )


def _coordinated_job(name: str, tasks: int):
    from tensorflow.python.distribute import collective_all_reduce_strategy as module

    return module.coordination_config_pb2.CoordinatedJob(name=name, num_tasks=tasks)


def _read_config() -> tuple[list[str], int]:
    """Return the addresses of all workers, and which one this is."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise InputError(
            "Each worker learns from TF_CONFIG who it is and who the others are.",
            "TF_CONFIG not set",
            "Start them with kzoo launch --workers N, or set it; docs/distribution.md "
            "has examples.",
        )
    try:
        config = json.loads(text)
        workers = list(config["cluster"]["worker"])
        task = config["task"]
        known = task["type"] == "worker" and 0 <= int(task["index"]) < len(workers)
    except (ValueError, KeyError, TypeError):
        known, workers, task = False, [], {}
    if not known or set(config["cluster"]) != {"worker"}:
        raise InputError(
            "TF_CONFIG names the workers and which of them this is.",
            f"TF_CONFIG={text}",
            'Set it to {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": '
            '"worker", "index": 0}}.',
        )
    return workers, int(task["index"])


def local_replicas(native) -> range:
    """Return which replicas of all are this process's."""
    extended = native.extended
    count = len(extended.worker_devices)
    first = getattr(extended, "_id_in_cluster", 0) or 0
    return range(first * count, (first + 1) * count)
