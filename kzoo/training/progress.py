"""A progress bar for `fit` that knows examples per second and the time left."""

import collections
import sys
import time
from typing import TextIO

import keras

from kzoo.training.history import TIMINGS
from kzoo.training.step_count import steps_of

_WINDOW = 60  # steps that the rate is taken over
_SLOW_INPUT = 0.05  # the share of time spent on data that is worth a word
_NO_FIGURES = {*TIMINGS, "learning_rate", "skipped_steps"}


class Progress(keras.callbacks.Callback):
    """Show how far a training is: a bar in a terminal, plain lines elsewhere.

    After each epoch a line stays with its loss, metrics, examples per second and
    time. While an epoch runs, a terminal shows a bar over all epochs with the time
    left (validation not counted); a file or a pipe gets a line every `interval`
    seconds.

    Use `fit(..., verbose=0)` beside it, and `ThroughputLog` before it for the rate of
    whole epochs.

    Args:
        batch_size: Examples of a step.
        total_steps: Steps of the whole training; None for epochs times steps.
        interval: Seconds between two plain lines.
        stream: Where to; None for standard error.
        tokens: Tokens of an example; the rate is then one of tokens.

    Raises:
        ValueError: If the batch size is not positive.

    Example:
        >>> Progress(batch_size=32).batch_size
        32
    """

    def __init__(
        self,
        batch_size: int,
        total_steps: int | None = None,
        interval: float = 30.0,
        stream: TextIO | None = None,
        tokens: int | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(
                f"A batch has one example or more. Received: batch_size={batch_size}."
            )
        self.batch_size = batch_size
        self.total_steps = self._wanted = total_steps
        self.interval = interval
        self.tokens = tokens
        self._stream = stream
        self._live = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Show the bar, or remember that lines are wanted."""
        from rich.console import Console

        self._console = Console(
            file=self._stream or sys.stderr, highlight=False, markup=False
        )
        per_epoch = self.params.get("steps")
        self.total_steps = self._wanted
        if self._wanted is None and per_epoch:
            self.total_steps = per_epoch * self.params["epochs"]
        self._steps = 0
        self._epoch = 0
        self._ends = collections.deque(maxlen=_WINDOW)
        self._last_line = time.perf_counter()
        if self._console.is_terminal:
            self._live = _live_bar(self._console, self.total_steps)
            self._live.start()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Name the epoch."""
        self._epoch = epoch + 1
        self._ends.clear()
        self._update("")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Move the bar on."""
        self._steps += steps_of(self, batch)
        now = time.perf_counter()
        self._ends.append((now, self._steps))
        logs = getattr(logs, "latest", logs)  # nobody waits for a bar
        if self._live:
            self._update(_figures(logs))
        elif now - self._last_line >= self.interval:
            self._last_line = now
            of = f"/{self.total_steps}" if self.total_steps else ""
            self._print(
                f"  step {self._steps}{of}  {_figures(logs)}  {self._speed()}".rstrip()
            )

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Say that the model is being validated."""
        self._update("validating")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Leave the line of the epoch."""
        logs = logs or {}
        parts = [f"epoch {epoch + 1}/{self.params['epochs']}", _figures(logs)]
        if mfu := logs.get("mfu"):
            parts.append(f"MFU {mfu:.1%}")
        if (wait := logs.get("input_wait", 0.0)) >= _SLOW_INPUT:
            parts.append(f"{wait:.0%} waiting for data")
        if rate := logs.get(f"{self._unit}_per_second"):
            parts.append(f"{rate:,.0f} {self._unit}/s")
        if "seconds" in logs:
            parts.append(f"{logs['seconds']:.0f} s")
        self._print("  " + "  ".join(parts))
        self._last_line = time.perf_counter()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away; after a `fit` that raised, too."""
        if self._live:
            self._live.stop()
            self._live = None

    def go_on_from(self, step: int) -> None:
        """Count from here: a training goes on that took these steps before."""
        self._steps = step

    def say(self, text: str) -> None:
        """Print a line above the bar, such as a text that the model wrote."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _update(self, figures: str) -> None:
        if self._live:
            epochs = self.params.get("epochs")
            self._live.update(
                self._live.task_ids[0],
                completed=self._steps,
                description=f"epoch {self._epoch}/{epochs}",
                figures=figures,
                speed=self._speed(),
            )

    @property
    def _unit(self) -> str:
        return "examples" if self.tokens is None else "tokens"

    def _speed(self) -> str:
        if len(self._ends) < 3:
            return ""
        (began, first), (ended, last) = self._ends[0], self._ends[-1]
        per_second = (last - first) / max(ended - began, 1e-9)
        rate = per_second * self.batch_size * (self.tokens or 1)
        text = f"{rate:,.0f} {self._unit}/s"
        if self.total_steps:
            left = max(self.total_steps - self._steps, 0) / per_second
            text += f"  {_duration(left)} left"
        return text


def _live_bar(console, total):
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[speed]}", style="dim"),
        console=console,
        transient=True,
    )
    bar.add_task("", total=total, figures="", speed="")
    return bar


def _figures(logs: dict | None) -> str:
    logs = logs or {}
    parts = [f"{k} {float(v):.4f}" for k, v in logs.items() if k not in _NO_FIGURES]
    if skipped := int(logs.get("skipped_steps", 0)):
        parts.append(f"{skipped} steps skipped" if skipped > 1 else "1 step skipped")
    return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"
