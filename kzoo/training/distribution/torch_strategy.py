"""The strategy of PyTorch: `data-parallel`, one process for each device."""

import atexit
import contextlib
import datetime
import os

import numpy as np

from kzoo.errors import InputError
from kzoo.training.distribution import group
from kzoo.training.distribution.agreed_seed import share_random_state

# What torchrun sets as well.
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class TorchStrategy:
    """Training by several processes, each with a model, a device and a share of rows.

    Gradients are added up by `torch.nn.parallel.DistributedDataParallel`.

    Attributes:
        num_replicas_in_sync: How many processes share the rows of a batch.
        rank: Which of them this is, from 0.
        size: How many there are.
    """

    def __init__(self) -> None:
        self.num_replicas_in_sync = group.size()
        self.rank = group.rank()
        self.size = group.size()

    @contextlib.contextmanager
    def scope(self):
        """Build models within it, as every process does."""
        yield self

    def barrier(self) -> None:
        """Wait until all processes are here."""
        group.barrier()


def data_parallel(devices: None = None, timeout: int = 600) -> TorchStrategy:
    """Return the strategy of all processes that the environment names.

    On GPUs the processes talk through NCCL, on CPUs and where several share a GPU
    through Gloo.

    Args:
        devices: None: each process has one device.
        timeout: Seconds after which a process that does not answer is given up: the
            others then end with an error, so that the group can be started anew.

    Raises:
        InputError: If the environment names no group, or `devices` is a number.
    """
    import torch.distributed

    if devices is not None:
        raise InputError(
            "On PyTorch each process has one device.",
            f"devices={devices}",
            "Start as many processes instead: kzoo launch --workers N.",
        )
    if not torch.distributed.is_initialized():
        _join(timeout)
    return TorchStrategy()


def _join(timeout: int) -> None:
    import torch
    import torch.distributed

    missing = [name for name in _NEEDED if name not in os.environ]
    if missing:
        raise InputError(
            "Each process learns from its environment who it is and where all meet.",
            f"no {', '.join(missing)}",
            "Start them with kzoo launch --workers N, or with torchrun.",
        )
    if torch.cuda.is_available():
        # A launcher may show each process its own GPU only.
        place = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(place % torch.cuda.device_count())
    patience = datetime.timedelta(seconds=timeout)
    store, rank, size = next(torch.distributed.rendezvous("env://", timeout=patience))
    store.set_timeout(patience)
    torch.distributed.init_process_group(
        _transports(store, rank, size),
        store=store,
        rank=rank,
        world_size=size,
        timeout=patience,
    )
    atexit.register(_leave)
    place = torch.distributed.get_rank(), torch.distributed.get_world_size()
    group.join(group.Group(*place, add))
    share_random_state(broadcast)
    torch.set_rng_state(_first(torch.get_rng_state()))


def _transports(store, rank: int, size: int) -> str:
    """Return what tensors of each kind of device go through, as PyTorch names it."""
    import torch

    if not torch.cuda.is_available():
        return "gloo"
    own = torch.cuda.get_device_properties(torch.cuda.current_device())
    store.set(f"kzoo/gpu/{rank}", str(own.uuid))
    gpus = {store.get(f"kzoo/gpu/{other}") for other in range(size)}
    # NCCL refuses two processes of one GPU, which are of use for trying things out.
    # Numbers of the host go through Gloo anyway, so that no one waits for a GPU.
    return "cpu:gloo,cuda:nccl" if len(gpus) == size else "gloo"


def _leave() -> None:
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _first(tensor):
    import torch.distributed

    torch.distributed.broadcast(tensor, src=0)
    return tensor


def broadcast(array: np.ndarray) -> np.ndarray:
    """Return the first process's array in all of them."""
    import torch

    return _first(torch.from_numpy(array.astype("int64"))).numpy().astype(array.dtype)


def add(number: int) -> int:
    """Return the sum of a number over all processes; each has to call it."""
    import torch
    import torch.distributed

    total = torch.tensor([number], dtype=torch.int64)
    torch.distributed.all_reduce(total)
    return int(total)
