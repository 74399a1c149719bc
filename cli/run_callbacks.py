"""The callbacks of a run folder, and the order that they are called in."""

import os
import pathlib
import signal
from typing import Any

from kzoo.cli.console import Console
from kzoo.cli.resuming import CHECKPOINTS, parse_every
from kzoo.cli.training_start import Start

_STOPPING = b"\nStopping after this step; ctrl-C again stops at once.\n"


class RunCallbacks:
    """What `fit` calls beside the model.

    First what changes a step or an epoch's logs; then what keeps weights and
    history by them; then what is shown; then checkpoints, which save the state of all
    of these; last what interrupts, when that is done.

    Args:
        start: The model and its batches.
        out: Where this process writes.
        shared: The run folder, in all processes.
        settings: `total_steps`, `batch_size`, `monitor`, ...
        console: Where progress is shown.
        save: Writes the model into the run folder.

    Attributes:
        keeper: Keeps the best weights.
        history: Writes the history.
        steps: Skips steps that are lost, and counts them.
        speed: Measures.
        interruption: Takes signals between two steps; a context manager.
        saves: Saves checkpoints, or None.
    """

    def __init__(
        self,
        start: Start,
        out: pathlib.Path,
        shared: pathlib.Path,
        settings: dict[str, Any],
        console: Console,
        save,
    ) -> None:
        from kzoo.training import (
            BestPreset,
            HistoryLog,
            InterruptBetweenSteps,
            SkipNonFinite,
        )

        self._start, self._settings = start, settings
        monitor = settings["monitor"] if start.validation is not None else None
        self.keeper = BestPreset(save, monitor)
        self.history = HistoryLog(out, every_steps=settings["log_steps"])
        self.steps = SkipNonFinite(settings["lost_steps"], folder=out, data=start.train)
        self.speed = self._throughput()
        # A signal may come while something is printed: only os.write can be nested.
        self.interruption = InterruptBetweenSteps(
            lambda: os.write(2, _STOPPING), (signal.SIGINT, signal.SIGTERM)
        )
        self._progress = None if console.as_json else self._progress_bar()
        self._for_people = console.for_people
        first = [*self._of_steps(), *self._of_epochs()]
        shown = self._shown(out)
        self.saves = self._checkpoints(shared, [*first, *shown])
        last = [] if self.saves is None else [self.saves, *self._progress_taken_up()]
        self.all = [*first, *shown, *self._told(), *last, self.interruption]
        self._to_close = [*shown, *([] if self.saves is None else [self.saves])]

    def close(self) -> None:
        """End what writes and shows, after a `fit` that raised too."""
        for callback in self._to_close:
            callback.close()

    def _throughput(self):
        from kzoo.models.flops import training_flops_per_token
        from kzoo.training import ThroughputLog

        start = self._start
        flops = None
        if start.tokens:
            flops = training_flops_per_token(start.model, start.tokens)
        return ThroughputLog(
            self._batch_size,
            start.examples,
            start.tokens,
            flops_per_token=flops,
            peak_flops=self._settings.get("peak_flops"),
        )

    @property
    def _batch_size(self) -> int:
        return self._start.batch_size or self._settings["batch_size"]

    def _of_steps(self) -> list:
        from kzoo.data import SetEpoch
        from kzoo.training import StopAtStep

        stop = StopAtStep(self._settings["total_steps"])
        return [SetEpoch(self._start.train), self.steps, stop, self.speed]

    def _of_epochs(self) -> list:
        import keras

        start, patience = self._start, self._settings.get("early_stopping")
        found: list = []
        if self._settings["ema"]:
            # Before whatever saves: at an epoch's end it puts the average in place.
            found.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
        found += [part for part in (start.scores, start.average) if part]
        found += [self.keeper, self.history]
        if patience and self.keeper.monitor:
            stop = keras.callbacks.EarlyStopping(
                self.keeper.monitor, mode=self.keeper.mode, patience=patience
            )
            found.append(stop)
        return found

    def _progress_bar(self):
        from kzoo.training import Progress

        total = self._settings["total_steps"]
        return Progress(self._batch_size, total, tokens=self._start.tokens)

    def _shown(self, out: pathlib.Path) -> list:
        from kzoo.training import ProfileSteps, TensorBoardLog

        found: list = []
        if self._settings.get("profile"):
            found.append(ProfileSteps(out / "tensorboard"))
        if self._settings["tensorboard"]:
            found.append(TensorBoardLog(out / "tensorboard"))
        return found if self._progress is None else [*found, self._progress]

    def _told(self) -> list:
        """Return what prints texts of the model after an epoch.

        All processes of a group write them, though one prints: where weights are cut
        over the processes, none of them can write alone.
        """
        import keras

        from kzoo.training import SampleTexts

        start, progress = self._start, self._progress
        if not self._for_people:
            return []
        say = progress.say if progress else lambda text: None
        found: list = []
        if start.scores:
            tell = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda *_: say(_first_of(start.scores))
            )
            found.append(tell)
        if start.write and self._settings.get("sample"):
            samples = SampleTexts(
                start.write,
                [self._settings["sample"]],
                lambda _, prompt, text: say(f"  > {prompt}{text}"),
            )
            found.append(samples)
        return found

    def _checkpoints(self, folder: pathlib.Path, parts: list):
        from kzoo.training import Checkpoints

        steps, seconds = parse_every(self._settings["checkpoint_every"])
        if steps is None and seconds is None:
            return None
        saves = Checkpoints(
            folder / CHECKPOINTS,
            self._start.train,
            parts,
            every_steps=steps,
            every_seconds=seconds,
            keep=self._settings["keep_checkpoints"],
        )
        self.interruption.on_request = lambda: (
            saves.request(),  # first: standard error may be a pipe that is gone
            os.write(2, _STOPPING),
        )
        self.interruption.ready = lambda: saves.answered
        return saves

    def _progress_taken_up(self) -> list:
        import keras

        progress, saves = self._progress, self.saves
        if progress is None or saves is None:
            return []
        return [
            keras.callbacks.LambdaCallback(
                on_train_begin=lambda _: progress.go_on_from(saves.step)
            )
        ]


def _first_of(scores) -> str:
    """Return a sentence, its reference and its translation, a line each."""
    return (
        f"  < {scores.sources[0]}\n  = {scores.references[0]}\n"
        f"  > {scores.translations[0]}"
    )
