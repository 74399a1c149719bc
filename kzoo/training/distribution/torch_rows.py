"""The rows of a global batch that a PyTorch process computes."""

import contextlib
import threading
from collections.abc import Iterator

from keras import ops, tree

from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import (
    Part,
    ShareWeights,
    known_sums,
    sums_of_weights,
)
from kzoo.training.distribution.share_steps import first
from kzoo.training.distribution.shares import Share, of_replica

_STATE = threading.local()


class _OwnRows:
    """Batches of `kzoo.data` of which a process makes its own rows only."""

    def __init__(self, batches, share: Share) -> None:
        self._batches = batches
        self._share = share

    def __len__(self) -> int:
        return len(self._batches)

    def __getattr__(self, name: str):
        return getattr(self._batches, name)

    def batch(self, epoch: int, step: int) -> tuple:
        """Return this process's rows of a batch, as wide as the whole batch."""
        return self._batches.batch(epoch, step, self._share)


@contextlib.contextmanager
def own_rows(data, micro_batches: int = 1) -> Iterator[None]:
    """Let data of `kzoo.data` hand out this process's share of their batches.

    Any other data hand out whole batches, which `received` then cuts.

    Args:
        data: What `fit` or `evaluate` is given.
        micro_batches: In how many parts all processes compute a batch.
    """
    batches = getattr(data, "batches", None)
    before = getattr(_STATE, "cut", False)
    _STATE.cut = batches is not None
    if batches is not None:
        share = of_replica(group.rank(), group.size(), micro_batches)
        data.batches = _OwnRows(batches, share)
    try:
        yield
    finally:
        _STATE.cut = before
        if batches is not None:
            data.batches = batches


def received(batch: tuple, micro_batches: int = 1) -> list[Part]:
    """Return the parts of a batch that a process computes, and what they weigh.

    Args:
        batch: `(x, y, sample_weight)`, of the whole batch or of this process's rows.
        micro_batches: In how many parts all processes compute a batch.

    Returns:
        A part or more; one that has no rows where the process has none.
    """
    share = of_replica(group.rank(), group.size(), micro_batches)
    total = first(batch[0]).shape[0]
    if getattr(_STATE, "cut", False):
        total = sum(_gathered(total))
        begin = share.rows(total).start
    else:
        begin = 0
    # Those that have no row are left out, but for the last.
    cuts = [part.rows(total) for part in share.parts()]
    cuts = [rows for rows in cuts if rows.stop > rows.start] or cuts[-1:]
    given = [_rows_of(batch, rows, begin) for rows in cuts]
    own = [[value.double() for value in sums_of_weights(part[2])] for part in given]
    whole = added([sum(each) for each in zip(*own, strict=True)])
    parts = []
    for index, (x, y, sample_weight) in enumerate(given):
        known = known_sums(sample_weight, own[index], whole)
        rows = cuts[index]
        weights = ShareWeights(
            rows.stop - rows.start,
            rows.start,
            total,
            known,
            add=added if share.width == 1 else None,
        )
        parts.append(Part(x, y, sample_weight, weights, last=index == len(cuts) - 1))
    return parts


def _rows_of(batch, rows: slice, begin: int):
    """Return rows of a batch, of which those from `begin` on are there."""
    own = slice(rows.start - begin, rows.stop - begin)
    return tree.map_structure(lambda part: part[own], batch, none_is_leaf=False)


def added(values: list) -> list:
    """Return the sums of scalar tensors over all processes, in their own types."""
    import torch
    import torch.distributed

    if not values or group.size() == 1:
        return values
    with torch.no_grad():
        flat = [ops.reshape(value, (-1,)).double() for value in values]
        total = torch.cat(flat)
        torch.distributed.all_reduce(total)
        parts = torch.split(total, [len(part) for part in flat])
        return [
            part.reshape(value.shape).to(value.dtype)
            for part, value in zip(parts, values, strict=True)
        ]


def add_gradients(variables: list) -> None:
    """Put the sums over all processes in the place of the gradients of variables.

    Args:
        variables: `keras.Variable`s; the same have a gradient in every process.
    """
    import torch.distributed

    if group.size() == 1:
        return
    for variable in variables:
        if variable.value.grad is not None:
            torch.distributed.all_reduce(variable.value.grad)


def _gathered(rows: int) -> list[int]:
    """Return how many rows each process has."""
    import torch
    import torch.distributed

    counts = torch.zeros(group.size(), dtype=torch.int64)
    counts[group.rank()] = rows
    torch.distributed.all_reduce(counts)
    return counts.tolist()
