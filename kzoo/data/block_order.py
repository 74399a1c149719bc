"""Which blocks of a token stream form a batch: a pure function of seed and epoch."""

import numpy as np

from kzoo.data.order import check_step
from kzoo.errors import InputError


class BlockOrder:
    """The batches of every epoch over n tokens, in blocks of T inputs and T targets.

    A block starts at a position s: its inputs are the tokens s to s + T - 1, its
    targets s + 1 to s + T. A shuffled epoch starts its blocks at a random offset below
    T, so that their borders move from epoch to epoch, and shuffles them. Every token is
    a target at most once; fewer than 2 T at the ends of the stream are left out, and
    by default a last batch that is not full.

    An order that is not shuffled has one epoch only: every token but the first is a
    target exactly once, in order, and the last block is cut short.

    Offset and permutation come from the raw output of a Philox generator keyed with
    `(seed, epoch)`, as in `BatchOrder`.

    Args:
        num_tokens: n.
        sequence_length: T.
        batch_size: Blocks per batch.
        seed: 0 or more.
        shuffle: Whether epochs are shuffled.
        drop_remainder: Whether a last, smaller batch is left out; None leaves it out
            of a shuffled order of at least one whole batch.
        steps_per_epoch: How many steps a shuffled epoch has; an epoch then starts
            where the one before stopped, in the same pass over the tokens or the
            next. None makes each pass an epoch.
        where: What the tokens came from, for messages.

    Attributes:
        epoch: The epoch that the next pass over the data takes; it may be set.
        start: The step that the next pass begins at, 0 unless it is set; the end of
            that pass sets it back.
        num_blocks: Blocks of a pass over the tokens.

    Raises:
        InputError: If there are too few tokens for one block.
        ValueError: If a size or the seed is out of range.

    Example:
        >>> order = BlockOrder(20, sequence_length=4, batch_size=2, shuffle=False)
        >>> [order.batch(0, step).tolist() for step in range(len(order))]
        [[0, 4], [8, 12], [16]]
    """

    def __init__(
        self,
        num_tokens: int,
        sequence_length: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_remainder: bool | None = None,
        steps_per_epoch: int | None = None,
        where: str = "tokens",
    ) -> None:
        for name, value, least in (
            ("sequence_length", sequence_length, 1),
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
            ("steps_per_epoch", steps_per_epoch or 1, 1),
        ):
            if int(value) != value or value < least:
                raise ValueError(
                    f"`{name}` is an integer of at least {least}. "
                    f"Received: {name}={value}."
                )
        if num_tokens < (sequence_length + 1 if shuffle else 2):
            raise InputError(
                "A split holds at least one block: a sequence and the token after it."
                if shuffle
                else "A split holds at least two tokens.",
                f"{num_tokens:,} tokens of {where!r}, sequence_length="
                f"{sequence_length}",
                "Use more text, or a shorter sequence_length (--sequence-length)."
                if shuffle
                else "Use more text, or a greater share.",
            )
        self.num_tokens = num_tokens
        self.sequence_length = sequence_length
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        targets = num_tokens - 1
        if shuffle:
            # One block fewer than fit, where that leaves any, frees the offset.
            self.num_blocks = max(1, (targets + 1) // sequence_length - 1)
        else:
            self.num_blocks = -(-targets // sequence_length)
        if drop_remainder is None:
            drop_remainder = shuffle and self.num_blocks >= batch_size
        self.drop_remainder = drop_remainder
        whole, rest = divmod(self.num_blocks, batch_size)
        self.steps_per_pass = whole + (1 if rest and not drop_remainder else 0)
        self.steps_per_epoch = steps_per_epoch if shuffle else None
        self.epoch = 0
        self.start = 0
        self._plan: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        """Return the number of steps of an epoch."""
        return self.steps_per_epoch or self.steps_per_pass

    @property
    def examples(self) -> int:
        """How many blocks an epoch hands out, where each has the same number."""
        if self.drop_remainder or self.steps_per_epoch:
            return len(self) * self.batch_size
        return self.num_blocks

    @property
    def even(self) -> bool:
        """Whether every batch has `batch_size` blocks."""
        return self.drop_remainder or self.num_blocks % self.batch_size == 0

    def starts(self, number: int) -> np.ndarray:
        """Return the start of every block of a pass over the tokens, in order.

        Args:
            number: The pass, from 0: the epoch, unless `steps_per_epoch` is set.

        Returns:
            (num_blocks,) int64.
        """
        number = number if self.shuffle else 0
        if self._plan is None or self._plan[0] != number:
            self._plan = (number, self._draw(number))
        return self._plan[1]

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """Return the (B,) starts of the blocks of one batch.

        Args:
            epoch: The epoch, from 0.
            step: The step, from 0 to `len(self) - 1`.

        Returns:
            Positions in the stream.

        Raises:
            IndexError: If the epoch has no such step.
        """
        check_step(step, len(self))
        number, place = divmod(epoch * len(self) + step, self.steps_per_pass)
        return self.starts(number)[place * self.batch_size :][: self.batch_size]

    def _draw(self, number: int) -> np.ndarray:
        starts = np.arange(self.num_blocks, dtype="int64") * self.sequence_length
        if not self.shuffle:
            return starts
        draws = np.random.Philox(key=np.array([self.seed, number], dtype="uint64"))
        spare = self.num_tokens - 1 - self.num_blocks * self.sequence_length
        offset = int(draws.random_raw()) % min(spare + 1, self.sequence_length)
        permutation = np.argsort(draws.random_raw(self.num_blocks), kind="stable")
        return starts[permutation] + offset
