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

    Args:
        index: r, from 0.
        count: R.

    Example:
        >>> [Share(r, 3).rows(7) for r in range(3)]
        [slice(0, 3, None), slice(3, 5, None), slice(5, 7, None)]
        >>> Share(2, 3).rows(2)
        slice(2, 2, None)
    """

    index: int
    count: int

    def rows(self, size: int) -> slice:
        """Return the rows of a batch of B = `size`, as a slice."""
        return slice(self._start(self.index, size), self._start(self.index + 1, size))

    def _start(self, index: int, size: int) -> int:
        whole, rest = divmod(size, self.count)
        return index * whole + min(index, rest)
