"""What a family hands to the training, and the clock that runs meanwhile."""

import dataclasses
import datetime
import time
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass
class Start:
    """A model compiled for its data.

    Args:
        model: The model.
        train: Batches to train on.
        validation: Batches to validate on, or None.
        data_record: What the run's record says about the data.
        model_record: What it says about the model, beside its size.
        examples: Examples of an epoch.
        tokens: Tokens of an example where rates are told in tokens, else None.
        write: Continues prompts with text, or None where a model does not write.
        batch_size: Examples of a step, where settings do not say: 1 where a step is
            taken as one example, of a mean number of tokens.
        scores: A callback that adds to an epoch's logs what the best is chosen by.
        average: A `kzoo.training.AverageWeights`, tried at the end.
        finish: Measures the model that was kept, and returns what its record says.
    """

    model: Any
    train: Any
    validation: Any
    data_record: dict[str, Any]
    model_record: dict[str, Any]
    examples: int
    tokens: float | None = None
    write: Callable[[list[str]], list[str]] | None = None
    batch_size: int | None = None
    scores: Any = None
    average: Any = None
    finish: Callable[[], dict[str, Any]] | None = None


class Clock:
    """The seconds of each part of a job."""

    def __init__(self) -> None:
        self.started = datetime.datetime.now(datetime.UTC)
        self._first = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Note what passed since the last lap under a name."""
        now = time.perf_counter()
        self._laps[name] = now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        """Return the seconds of every lap, and of all."""
        total = time.perf_counter() - self._first
        return {k: round(v, 2) for k, v in {**self._laps, "total": total}.items()}
