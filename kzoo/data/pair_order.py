"""Which pairs form a batch: buckets by length, and as many steps in every epoch."""

from collections.abc import Sequence

import numpy as np

from kzoo.data.order import check_step, inverse_of
from kzoo.data.token_batches import round_up
from kzoo.errors import InputError

# Batches of at least so many pairs are a multiple of so many: devices share them.
_MULTIPLE = 8


class PairOrder:
    r"""The batches of every epoch over n pairs, fixed by their lengths and one seed.

    A pair's width is that of its longer side, rounded up as `round_up` does. Pairs of
    one width share a bucket, and a batch of width w holds

    $$ B(w) = \lfloor \mathrm{batch\_tokens} / w \rfloor $$

    pairs (a multiple of 8 from 8 on), so that `B * max(S, T) <= batch_tokens` for its
    padded sides (B, S) and (B, T); or `batch_size` pairs whatever their width.

    A shuffled epoch permutes each bucket, cuts it into whole batches and hands what
    is left on to the next wider bucket; then it shuffles the batches. Only the widest
    bucket can end with a smaller batch. Every pair occurs once, which ones meet changes
    with the epoch, and the number of steps, and of batches of each shape, does not. An
    order that is not shuffled has one epoch only, sorted by width, widest first;
    `inverse` leads back.

    Permutations sort the raw output of a Philox generator keyed with `(seed, epoch)`,
    as in `BatchOrder`.

    Args:
        source_lengths: (n,) the number of tokens of each source.
        target_lengths: (n,) the number of tokens of each target.
        batch_size: Pairs per batch; or
        batch_tokens: what a batch of padded sides holds at most.
        seed: 0 or more.
        shuffle: Whether epochs are shuffled.
        length_multiple: What widths are rounded up to; `None` is finer for short
            texts than for long ones.
        max_length: The greatest width, or `None`.
        drop_remainder: Whether a last, smaller batch is left out.
        steps_per_epoch: How many steps a shuffled epoch has; an epoch then starts
            where the one before stopped, in the same pass over the pairs or the next.
            None makes each pass an epoch.

    Attributes:
        epoch: The epoch that the next pass over the data takes; it may be set.
        start: The step that the next pass begins at, 0 unless it is set; the end of
            that pass sets it back.
        widths: (n,) the width of each pair.

    Raises:
        InputError: If neither or both of `batch_size` and `batch_tokens` are given,
            the widest pair does not fit into `batch_tokens`, a number is out of
            range, or `steps_per_epoch` has no batch to take.

    Example:
        >>> order = PairOrder([3, 9, 4, 2], [5, 8, 2, 7], batch_tokens=16, seed=7)
        >>> order.widths.tolist(), len(order)
        ([8, 16, 8, 8], 3)
        >>> [len(order.batch(epoch=0, step=step)) for step in range(3)]
        [2, 1, 1]
    """

    def __init__(
        self,
        source_lengths: Sequence[int] | np.ndarray,
        target_lengths: Sequence[int] | np.ndarray,
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        length_multiple: int | None = None,
        max_length: int | None = None,
        drop_remainder: bool = False,
        steps_per_epoch: int | None = None,
    ) -> None:
        if (batch_size is None) == (batch_tokens is None):
            raise InputError(
                "A batch has a number of pairs or a number of tokens.",
                f"batch_size={batch_size}, batch_tokens={batch_tokens}",
                "Pass one of them.",
            )
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("batch_tokens", batch_tokens, 1),
            ("length_multiple", length_multiple, 1),
            ("steps_per_epoch", steps_per_epoch, 1),
            ("seed", seed, 0),
        ):
            if value is not None and (int(value) != value or value < least):
                raise InputError(
                    f"`{name}` is an integer of at least {least}.", f"{name}={value}"
                )
        self.source_lengths = np.asarray(source_lengths, dtype="int64")
        self.target_lengths = np.asarray(target_lengths, dtype="int64")
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.shuffle = shuffle
        self.length_multiple = length_multiple
        self.max_length = max_length
        self.drop_remainder = drop_remainder
        self.steps_per_epoch = steps_per_epoch if shuffle else None
        self.epoch = 0
        self.start = 0
        longest = np.maximum(self.source_lengths, self.target_lengths)
        found, places = np.unique(longest, return_inverse=True)
        rounded = np.array([self.width(int(n)) for n in found], dtype="int64")
        self.widths = rounded[places] if len(found) else longest
        self._buckets = [
            (self._size(int(width)), np.flatnonzero(self.widths == width))
            for width in np.unique(self.widths)
        ]
        self.steps_per_pass = len(self._sorted() if not shuffle else self._shuffled(0))
        if self.steps_per_epoch and not self.steps_per_pass:
            raise InputError(
                "Steps are made of one whole batch or more.",
                f"{len(self.widths):,} pairs, batch_size={batch_size}, "
                f"batch_tokens={batch_tokens}, drop_remainder={drop_remainder}, "
                f"steps_per_epoch={steps_per_epoch}",
                "Pass a smaller batch, or drop_remainder=False.",
            )
        self._plan: tuple[int, list[np.ndarray]] | None = None

    def width(self, length: int) -> int:
        """Return what a side whose longest row has `length` tokens is padded to."""
        width = round_up(max(1, length), self.length_multiple)
        return width if self.max_length is None else min(width, self.max_length)

    def __len__(self) -> int:
        """Return the number of steps of an epoch."""
        return self.steps_per_epoch or self.steps_per_pass

    @property
    def examples(self) -> float:
        """How many pairs an epoch hands out; their mean with `steps_per_epoch`."""
        if not self.steps_per_pass:
            return 0
        handed = sum(len(batch) for batch in self.batches(0))
        return handed * len(self) / self.steps_per_pass

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """Return the (B,) positions of the pairs of one batch.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0 to `len(self) - 1`.

        Returns:
            Positions in the lengths.

        Raises:
            IndexError: If the epoch has no such step.
        """
        check_step(step, len(self))
        number, place = divmod(epoch * len(self) + step, self.steps_per_pass)
        return self.batches(number)[place]

    def batches(self, number: int) -> list[np.ndarray]:
        """Return all batches of one pass over the pairs.

        Args:
            number: The pass, from 0: the epoch, unless `steps_per_epoch` is set.

        Returns:
            The positions of each batch.
        """
        number = number if self.shuffle else 0
        plan = self._plan  # read once: a thread that reads ahead may set it meanwhile
        if plan is None or plan[0] != number:
            made = self._shuffled(number) if self.shuffle else self._sorted()
            self._plan = plan = (number, made)
        return plan[1]

    @property
    def inverse(self) -> np.ndarray:
        """Positions (n,) that put rows in batch order back into the pairs' order.

        Raises:
            ValueError: If the order is shuffled or leaves pairs out.
        """
        return inverse_of(self, len(self.widths))

    def _size(self, width: int) -> int:
        """Return B(w), the pairs of a whole batch."""
        if self.batch_size is not None:
            return self.batch_size
        size = (self.batch_tokens or 0) // width
        if not size:
            raise InputError(
                "A batch holds at least its widest pair.",
                f"batch_tokens={self.batch_tokens}, a pair of {width} tokens with "
                "padding",
                "Pass more tokens, or a max_length (--max-length) that leaves such "
                "pairs out.",
            )
        return size if size < _MULTIPLE else size // _MULTIPLE * _MULTIPLE

    def _sorted(self) -> list[np.ndarray]:
        rows = np.lexsort((-self.target_lengths, -self.source_lengths, -self.widths))
        parts, start = [], 0
        while start < len(rows):
            size = self._size(int(self.widths[rows[start]]))
            parts.append(rows[start : start + size])
            start += size
        if self.drop_remainder and parts:
            if len(parts[-1]) < self._size(int(self.widths[parts[-1][0]])):
                parts.pop()
        return parts

    def _shuffled(self, number: int) -> list[np.ndarray]:
        draws = np.random.Philox(key=np.array([self.seed, number], dtype="uint64"))
        batches: list[np.ndarray] = []
        left = np.zeros(0, dtype="int64")
        for size, rows in self._buckets:
            # What was handed on goes no further, if there is a whole batch, and is
            # spread over all of them.
            pool = np.concatenate([left, _permuted(rows, draws)])
            whole = len(pool) - len(pool) % size
            taken, left = _permuted(pool[:whole], draws), pool[whole:]
            batches += [taken[i : i + size] for i in range(0, whole, size)]
        turns = _permuted(np.arange(len(batches)), draws)
        shuffled = [batches[i] for i in turns]
        return shuffled if self.drop_remainder or not len(left) else [*shuffled, left]


def _permuted(rows: np.ndarray, draws: np.random.Philox) -> np.ndarray:
    return rows[np.argsort(draws.random_raw(len(rows)), kind="stable")]
