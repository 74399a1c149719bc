"""The processes of a JAX training, each with its own devices."""

import os

import numpy as np

from kzoo.training.distribution import group
from kzoo.training.distribution.agreed_seed import share_random_state

# Keras's own names; JAX reads Slurm's, Open MPI's and a TPU's by itself.
ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
PROCESS = "KERAS_DISTRIBUTION_PROCESS_ID"


def environment(rank: int, size: int, address: str) -> dict[str, str]:
    """Return what a launcher sets for one of several JAX processes.

    Args:
        rank: Which one, from 0.
        size: How many.
        address: `host:port` of the first, where all of them meet.
    """
    return {ADDRESSES: address, PROCESSES: str(size), PROCESS: str(rank)}


def processes_told() -> int:
    """Return how many processes the environment names; 1 where it names none.

    Of Slurm's only those of a step count, which `srun` starts: the script around it
    has their number too, and is one process.
    """
    if (told := int(os.environ.get(PROCESSES, "1"))) > 1:
        return told
    of_a_step = "SLURM_PROCID" in os.environ and "SLURM_STEP_NODELIST" in os.environ
    return int(os.environ.get("SLURM_NTASKS", "1")) if of_a_step else 1


def join(timeout: int) -> None:
    """Join the group of processes that the environment names, if it names one.

    Nothing may have been computed yet. All processes have the random state of the
    first one then.

    Args:
        timeout: Seconds after which a process that is not heard of is given up.
    """
    import jax

    if jax.distributed.is_initialized():
        return
    if int(os.environ.get(PROCESSES, "1")) > 1:
        jax.distributed.initialize(
            coordinator_address=os.environ[ADDRESSES].split(",")[0],
            num_processes=int(os.environ[PROCESSES]),
            process_id=int(os.environ[PROCESS]),
            heartbeat_timeout_seconds=timeout,
        )
    elif processes_told() > 1:
        jax.distributed.initialize(heartbeat_timeout_seconds=timeout)
    else:
        return
    group.join(group.Group(jax.process_index(), jax.process_count(), add))
    share_random_state(broadcast)


def broadcast(array: np.ndarray) -> np.ndarray:
    """Return the first process's array in all of them."""
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(array))


def add(number: int) -> int:
    """Return the sum of a number over all processes; each has to call it."""
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number)).sum())
