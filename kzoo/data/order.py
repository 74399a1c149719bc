"""Which examples form a batch: a pure function of seed, epoch and step."""

import math
from collections.abc import Sequence

import numpy as np


class BatchOrder:
    r"""The batches of every epoch, fixed by the lengths and one seed.

    A shuffled epoch permutes the n examples, cuts them into windows of `window`
    batches, sorts each window by length, cuts it into batches and shuffles those.
    Texts of about one length meet, so that little padding is needed, while which
    texts meet changes with the epoch. Every example occurs once. If n is no multiple
    of the batch size, the last batch is smaller, or dropped.

    An order that is not shuffled has one epoch only, sorted by length, longest
    first: the step that needs the most memory comes first. `inverse` leads back.

    The permutation sorts the raw output of a Philox generator keyed with
    `(seed, epoch)`. NumPy guarantees that output across versions and platforms, and
    neither depends on what was drawn before.

    Args:
        lengths: (n,) the number of tokens of each example.
        batch_size: Examples per batch.
        seed: 0 or more.
        shuffle: Whether epochs are shuffled.
        window: Batches that are sorted together; more means less padding and less
            mixing.
        drop_remainder: Whether a last, smaller batch is left out.

    Attributes:
        epoch: The epoch that the next pass over the data takes; it may be set.
        start: The step that the next pass begins at, 0 unless it is set; the end of
            that pass sets it back.

    Raises:
        ValueError: If a size or the seed is out of range.

    Example:
        >>> order = BatchOrder([5, 1, 4, 2], batch_size=2, seed=7)
        >>> len(order)
        2
        >>> order.batch(epoch=0, step=1).tolist() == order.batch(0, 1).tolist()
        True
        >>> BatchOrder([5, 1, 4, 2], batch_size=2, shuffle=False).batch(0, 0).tolist()
        [0, 2]
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        window: int = 64,
        drop_remainder: bool = False,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("window", window, 1),
            ("seed", seed, 0),
        ):
            if int(value) != value or value < least:
                raise ValueError(
                    f"`{name}` is an integer of at least {least}. "
                    f"Received: {name}={value}."
                )
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.window = window
        self.drop_remainder = drop_remainder
        self.epoch = 0
        self.start = 0
        self._plan: tuple[int, list[np.ndarray]] | None = None

    def __len__(self) -> int:
        """Return the number of steps of an epoch."""
        whole, rest = divmod(len(self.lengths), self.batch_size)
        return whole + (1 if rest and not self.drop_remainder else 0)

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """Return the (B,) positions of the examples of one batch.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0 to `len(self) - 1`.

        Returns:
            Positions in `lengths`.

        Raises:
            IndexError: If the epoch has no such step.
        """
        check_step(step, len(self))
        return self.batches(epoch)[step]

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return all batches of one epoch, as `batch` does."""
        plan = self._plan
        if plan is None or plan[0] != (epoch if self.shuffle else 0):
            plan = (
                (epoch, self._shuffled(epoch)) if self.shuffle else (0, self._sorted())
            )
            self._plan = plan
        return plan[1]

    @property
    def inverse(self) -> np.ndarray:
        """Positions (n,) that put rows in batch order back into the input's order.

        Raises:
            ValueError: If the order is shuffled or leaves examples out.
        """
        return inverse_of(self, len(self.lengths))

    def _sorted(self) -> list[np.ndarray]:
        return self._cut(np.argsort(-self.lengths.astype("int64"), kind="stable"))

    def _shuffled(self, epoch: int) -> list[np.ndarray]:
        count = len(self.lengths)
        key = np.array([self.seed, epoch], dtype="uint64")
        draws = np.random.Philox(key=key)
        permutation = np.argsort(draws.random_raw(count), kind="stable")
        span = self.window * self.batch_size
        batches = []
        for window in range(math.ceil(count / span)):
            part = permutation[window * span : (window + 1) * span]
            by_length = np.argsort(self.lengths[part], kind="stable")
            batches += self._cut(part[by_length])
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        turns = np.argsort(draws.random_raw(len(whole)), kind="stable")
        return [whole[i] for i in turns] + rest

    def _cut(self, positions: np.ndarray) -> list[np.ndarray]:
        size = self.batch_size
        parts = [positions[i : i + size] for i in range(0, len(positions), size)]
        if self.drop_remainder and parts and len(parts[-1]) < size:
            parts.pop()
        return parts


def check_step(step: int, steps: int) -> None:
    """Raise if an epoch has no such step.

    Raises:
        IndexError: If it has not.
    """
    if not 0 <= step < steps:
        raise IndexError(f"An epoch has {steps} steps, from 0. Received: step={step}.")


def inverse_of(order, count: int) -> np.ndarray:
    """Return positions (n,) that put rows in an order's batches back into place.

    Args:
        order: With `shuffle`, `drop_remainder` and `batches`.
        count: n, its examples.

    Raises:
        ValueError: If the order is shuffled or leaves examples out.
    """
    if order.shuffle or order.drop_remainder:
        raise ValueError(
            "Only an order that keeps every example in one fixed place can be "
            f"inverted. Received: shuffle={order.shuffle}, "
            f"drop_remainder={order.drop_remainder}."
        )
    inverse = np.empty(count, dtype="int64")
    if batches := order.batches(0):
        inverse[np.concatenate(batches)] = np.arange(count)
    return inverse
