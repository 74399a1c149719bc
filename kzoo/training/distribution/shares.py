"""Which rows of a global batch are whose."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of every batch that one replica of several computes.

    ```
    rows of replica r of R = np.array_split(np.arange(B), R)[r]
    ```

    Parts are contiguous and in the order of the replicas, their sizes differ by one
    at most, and together they are the batch: no row is left out or taken twice. A
    part is empty where a batch has fewer rows than there are replicas.

    Where a replica computes its rows in micro-batches, one behind the other, these are
    the shares, and the replica has `width` of them.

    Args:
        index: r, from 0.
        count: R.
        width: How many shares from r on are taken together.

    Example:
        >>> [Share(r, 3).rows(7) for r in range(3)]
        [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
        >>> Share(2, 3).rows(2)
        slice(2, 2, None)
        >>> Share(0, 4, width=2).rows(7)
        slice(0, 4, None)
    """

    index: int
    count: int
    width: int = 1

    def rows(self, size: int) -> slice:
        """Return the rows of a batch of B = `size`, as a slice."""
        end = self.index + self.width
        return slice(self._start(self.index, size), self._start(end, size))

    def parts(self) -> list["Share"]:
        """Return the shares that are taken together."""
        return [Share(self.index + i, self.count) for i in range(self.width)]

    def _start(self, index: int, size: int) -> int:
        whole, rest = divmod(size, self.count)
        return index * whole + min(index, rest)


def of_replica(replica: int, replicas: int, micro_batches: int = 1) -> Share:
    """Return what one of several replicas computes of every batch.

    Args:
        replica: Which one, from 0.
        replicas: How many there are.
        micro_batches: In how many parts all of them compute a batch, a multiple of
            `replicas`; where it is less, each computes one.
    """
    width = max(micro_batches // replicas, 1)
    return Share(replica * width, replicas * width, width)
