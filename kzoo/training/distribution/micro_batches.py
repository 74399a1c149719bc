"""Batches that are computed in parts, one behind the other."""

import contextlib
from collections.abc import Iterator

from kzoo.errors import InputError

_asked = 1


class InMicroBatches:
    """A strategy whose models compute each batch in parts, one behind the other.

    A part's activations are let go before the next one's are made, and the step is
    still that of the whole batch. The parts are those of as many devices: a training
    in two micro-batches on one device rounds as one on two devices does.

    Args:
        strategy: Where the models are trained.
        count: N, how many micro-batches make a batch, of all devices together.

    Raises:
        InputError: If N is not positive, or its parts are not as many for each device.
    """

    def __init__(self, strategy, count: int) -> None:
        devices = strategy.num_replicas_in_sync
        if count < 1 or count % devices:
            raise InputError(
                "Micro-batches are parts of a batch, as many for each device.",
                f"micro_batches={count}, {devices} device{'s' if devices > 1 else ''}",
                f"Pass {devices} or a multiple of it.",
            )
        self._strategy = strategy
        self.count = count

    def __getattr__(self, name: str):
        return getattr(self._strategy, name)

    @contextlib.contextmanager
    def scope(self) -> Iterator["InMicroBatches"]:
        """Build and compile models within it."""
        global _asked
        before, _asked = _asked, self.count
        try:
            with self._strategy.scope():
                yield self
        finally:
            _asked = before


def asked() -> int:
    """Return the micro-batches of the scope that this is in; 1 where there is none."""
    return _asked
