"""The rows of a global batch that a PyTorch process computes."""

import contextlib
import threading
from collections.abc import Iterator

from keras import ops, tree

from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import ShareWeights
from kzoo.training.distribution.shares import Share

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
def own_rows(data) -> Iterator[None]:
    """Let data of `kzoo.data` hand out this process's share of their batches.

    Any other data hand out whole batches, which `Received` then cuts.

    Args:
        data: What `fit` or `evaluate` is given.
    """
    batches = getattr(data, "batches", None)
    before = getattr(_STATE, "cut", False)
    _STATE.cut = batches is not None
    if batches is not None:
        data.batches = _OwnRows(batches, Share(group.rank(), group.size()))
    try:
        yield
    finally:
        _STATE.cut = before
        if batches is not None:
            data.batches = batches


class Received:
    """A process's rows of one batch, and what they weigh in it.

    Args:
        parts: `(x, y, sample_weight)`, of the whole batch or of this process's rows.

    Attributes:
        parts: Those of this process's rows.
        rows: How many these are, an int.
        start: How many rows of the batch come before them.
        total: B, how many the batch has.
    """

    # The losses' parts are to be added up, not averaged.
    replicas = 1
    of = ShareWeights.of

    def __init__(self, parts: tuple) -> None:
        rows = _rows(parts)
        if getattr(_STATE, "cut", False):
            counts = _gathered(rows)
            self.start, self.total = sum(counts[: group.rank()]), sum(counts)
        else:
            own = Share(group.rank(), group.size()).rows(rows)
            self.start, self.total = own.start, rows
            parts = tree.map_structure(
                lambda part: part[own], parts, none_is_leaf=False
            )
            rows = own.stop - own.start
        self.parts = parts
        self.rows = rows
        given = [part for part in tree.flatten(parts[2]) if part is not None]
        own = [ops.sum(ops.cast(part, "float32")) for part in given]
        whole = self._add(own)
        self._known = {
            id(part): pair
            for part, pair in zip(given, zip(own, whole, strict=True), strict=True)
        }

    def _add(self, values: list) -> list:
        return added(values)


def added(values: list) -> list:
    """Return the sums of scalar tensors over all processes, in their own types."""
    import torch
    import torch.distributed

    if not values:
        return []
    with torch.no_grad():
        flat = [ops.reshape(value, (-1,)).double() for value in values]
        total = torch.cat(flat)
        torch.distributed.all_reduce(total)
        parts = torch.split(total, [len(part) for part in flat])
        return [
            part.reshape(value.shape).to(value.dtype)
            for part, value in zip(parts, values, strict=True)
        ]


def _rows(parts) -> int:
    return next(part for part in tree.flatten(parts[0]) if part is not None).shape[0]


def _gathered(rows: int) -> list[int]:
    """Return how many rows each process has."""
    import torch
    import torch.distributed

    counts = torch.zeros(group.size(), dtype=torch.int64)
    counts[group.rank()] = rows
    torch.distributed.all_reduce(counts)
    return counts.tolist()
