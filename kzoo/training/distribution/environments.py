"""What tells a process which one of a group it is, for each backend."""

import glob
import json
import os
import socket
from collections.abc import Mapping

from kzoo.training.distribution import jax_processes


def of_worker(rank: int, addresses: list[str]) -> dict[str, str]:
    """Return what a worker's environment says, whatever its backend.

    Args:
        rank: Which worker, from 0.
        addresses: `host:port` of each; all meet at the first.

    Example:
        >>> sorted(of_worker(1, ["a:1", "b:2"]))[-3:]
        ['RANK', 'TF_CONFIG', 'WORLD_SIZE']
    """
    size = len(addresses)
    return {
        **_tensorflow(rank, addresses),
        **jax_processes.environment(rank, size, addresses[0]),
        **_torch(rank, size, addresses[0]),
    }


def _tensorflow(rank: int, addresses: list[str]) -> dict[str, str]:
    task = {"type": "worker", "index": rank}
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}


def _torch(rank: int, size: int, address: str) -> dict[str, str]:
    """Return the variables that torchrun sets."""
    host, port = address.rsplit(":", 1)
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": host,
        "MASTER_PORT": port,
    }


def rank_told(environment: Mapping[str, str] = os.environ) -> int:
    """Return which process of a group the environment says this is, from 0.

    It can be asked before a backend is loaded.

    Args:
        environment: Variables by name.

    Example:
        >>> rank_told({}), rank_told(of_worker(3, ["a:1"] * 4))
        (0, 3)
    """
    try:
        return int(json.loads(environment["TF_CONFIG"])["task"]["index"])
    except (KeyError, TypeError, ValueError):
        pass
    names = [jax_processes.PROCESS, "RANK"]
    if environment.get("SLURM_NTASKS", "1") != "1":
        names.append("SLURM_PROCID")
    for name in names:
        if environment.get(name, "").isdecimal():
            return int(environment[name])
    return 0


def free_addresses(count: int) -> list[str]:
    """Return as many addresses of this host that nothing listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()


def share_of_gpus(
    rank: int, size: int, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return which GPUs of this host a worker sees: an equal share of them.

    Args:
        rank: Which worker, from 0.
        size: How many there are on this host.
        environment: Variables by name; `CUDA_VISIBLE_DEVICES` limits what is shared.

    Returns:
        `CUDA_VISIBLE_DEVICES`, or nothing where there are fewer GPUs than workers.

    Example:
        >>> share_of_gpus(1, 2, {"CUDA_VISIBLE_DEVICES": "0,1,4,5"})
        {'CUDA_VISIBLE_DEVICES': '4,5'}
    """
    told = environment.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        gpus = [str(i) for i in range(len(glob.glob("/dev/nvidia[0-9]*")))]
    else:
        gpus = [name for name in told.split(",") if name and name != "-1"]
    each = len(gpus) // size
    if not each:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus[rank * each : (rank + 1) * each])}
