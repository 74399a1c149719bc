"""The processes that train one model together, as this process sees them."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Group:
    """Several processes that take every step of a training together.

    Args:
        rank: Which of them this is, from 0.
        size: How many there are.
        add: Returns the sum of a number over all of them; each has to call it.
    """

    rank: int = 0
    size: int = 1
    add: Callable[[int], int] = int


_current = Group()


def join(group: Group) -> None:
    """Make a group that of this process, until it ends; strategies call it."""
    global _current
    _current = group


def rank() -> int:
    """Return which process of its group this is, from 0.

    Example:
        >>> rank(), size(), is_chief()
        (0, 1, True)
    """
    return _current.rank


def size() -> int:
    """Return how many processes train together; 1 where there is no group."""
    return _current.size


def is_chief() -> bool:
    """Return whether this is the process that writes files and tells of progress."""
    return _current.rank == 0


def barrier() -> None:
    """Wait until every process of the group is here."""
    total(0)


def total(number: int) -> int:
    """Return the sum of a number over the group; each process has to ask."""
    return _current.add(number) if _current.size > 1 else number


def any_rank(flag: bool) -> bool:
    """Return whether a flag is set in any process of the group.

    All of them have to ask, between the same two steps. It is how they stop together
    when one of them is told to: a process that stopped alone would leave the others
    waiting for its gradients.

    Args:
        flag: This process's.
    """
    return total(int(flag)) > 0
