"""One `fit` with the callbacks of a run folder, and what came of it."""

import dataclasses
import os
import pathlib
import signal
from typing import Any

from kzoo.cli.averaging import try_average
from kzoo.cli.backend import quiet_stderr
from kzoo.cli.console import Console
from kzoo.cli.optimization import set_steps_per_execution
from kzoo.cli.resuming import CHECKPOINTS, parse_every
from kzoo.cli.training_start import Start

_STOPPING = b"\nStopping after this step; ctrl-C again stops at once.\n"


@dataclasses.dataclass
class Outcome:
    """How a training ended.

    Args:
        epochs: Epochs that were finished.
        steps: Steps that were taken.
        best_epoch: The epoch whose weights the run folder holds, from 1; None if it
            holds those of the last step.
        best: The monitored value of it.
        metrics: The logs of that epoch.
        average: What came of the mean of the last weights, or None where none was
            asked for.
        interrupted: What to tell the user who interrupted it, or "".
        terminated: Whether it was SIGTERM that interrupted it.
        lost: What to tell of a loss that was no number, or "".
        speed: The timings of the last epoch, see `kzoo.training.ThroughputLog`.
        skipped_steps: Steps that were lost and skipped.
    """

    epochs: int
    steps: int
    best_epoch: int | None
    best: float | None
    metrics: dict[str, float]
    average: dict[str, Any] | None = None
    interrupted: str = ""
    terminated: bool = False
    lost: str = ""
    speed: dict[str, float] = dataclasses.field(default_factory=dict)
    skipped_steps: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return it as the run's record holds it."""
        return {
            "epochs_done": self.epochs,
            "steps_done": self.steps,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "metrics": self.metrics,
            "average": self.average,
            "interrupted": bool(self.interrupted),
            "diverged": bool(self.lost),
            "speed": self.speed,
            "skipped_steps": self.skipped_steps,
        }


def fit(
    start: Start,
    out: pathlib.Path,
    settings: dict[str, Any],
    console: Console,
    shared: pathlib.Path,
) -> Outcome:
    """Train a compiled model; the run folder holds its best weights from then on.

    Args:
        start: The model and its batches.
        out: The run folder; in processes that follow another one, a folder of theirs.
        shared: The run folder, in all processes.
        settings: `epochs`, `total_steps`, `batch_size`, `monitor`, ...
        console: Where progress is shown.

    Returns:
        The outcome. Neither ctrl-C nor a lost loss raises here.
    """
    import keras

    from kzoo.data import SetEpoch
    from kzoo.models import preset_folder
    from kzoo.models.flops import training_flops_per_token
    from kzoo.training import (
        BestPreset,
        HistoryLog,
        InterruptBetweenSteps,
        ProfileSteps,
        Progress,
        SampleTexts,
        SkipNonFinite,
        StopAtStep,
        TensorBoardLog,
        ThroughputLog,
    )

    model, train, validation = start.model, start.train, start.validation

    def save():
        if (out / preset_folder.CONFIG).exists():
            preset_folder.save_weights(model, out)
        else:
            with quiet_stderr():  # Keras loads TensorFlow to make a config
                model.save_to_preset(out)

    batch_size = start.batch_size or settings["batch_size"]
    set_steps_per_execution(model, settings, len(train.batches))
    monitor = settings["monitor"] if validation is not None else None
    # A signal may come while something is printed: only os.write can be nested.
    interruption = InterruptBetweenSteps(
        lambda: os.write(2, _STOPPING), (signal.SIGINT, signal.SIGTERM)
    )
    keeper = BestPreset(save, monitor)
    history = HistoryLog(out, every_steps=settings["log_steps"])
    sound = SkipNonFinite(settings["lost_steps"], folder=out, data=train)
    speed = ThroughputLog(
        batch_size,
        start.examples,
        start.tokens,
        flops_per_token=training_flops_per_token(model, start.tokens)
        if start.tokens
        else None,
        peak_flops=settings.get("peak_flops"),
    )
    callbacks = [
        SetEpoch(train),
        sound,
        StopAtStep(settings["total_steps"]),
        speed,
    ]
    if settings["ema"]:
        # Before whatever saves: at the end of an epoch it puts the average in place.
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks += [part for part in (start.scores, start.average) if part]
    callbacks += [keeper, history]
    if settings.get("early_stopping") and monitor:
        stop = keras.callbacks.EarlyStopping(
            monitor, mode=keeper.mode, patience=settings["early_stopping"]
        )
        callbacks.append(stop)
    closing, last = [], []
    if settings.get("profile"):
        closing.append(ProfileSteps(out / "tensorboard"))
    if settings["tensorboard"]:
        closing.append(TensorBoardLog(out / "tensorboard"))
    if not console.as_json:
        shown = Progress(batch_size, settings["total_steps"], tokens=start.tokens)
        closing.append(shown)
        if start.scores:
            last.append(
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda *_: shown.say(_first_of(start.scores))
                )
            )
        if start.write and settings.get("sample"):
            last.append(
                SampleTexts(
                    start.write,
                    [settings["sample"]],
                    lambda _, prompt, text: shown.say(f"  > {prompt}{text}"),
                )
            )
    shows = list(closing)
    # Behind all whose state they save; an interruption comes when that is done.
    saves = _checkpoints(shared, train, [*callbacks, *closing], settings)
    if saves is not None:
        last.append(saves)
        closing.append(saves)
        interruption.on_request = lambda: (os.write(2, _STOPPING), saves.request())
        interruption.ready = lambda: saves.answered
        if not console.as_json:
            last.append(
                keras.callbacks.LambdaCallback(
                    on_train_begin=lambda _: shown.go_on_from(saves.step)
                )
            )
    interrupted = lost = ""
    try:
        with interruption:
            model.fit(
                train,
                epochs=settings["epochs"],
                validation_data=validation,
                callbacks=[*callbacks, *shows, *last, interruption],
                verbose=0,
            )
    except KeyboardInterrupt:
        interrupted = _keep_after_interruption(keeper, save, out)
        if saves is not None:
            interrupted += " The same command, run again, goes on."
    except FloatingPointError as error:
        kept = f" {out} holds the weights of epoch {keeper.best_epoch}."
        lost = f"{error}{kept if keeper.best_epoch else ''}"
    finally:
        for callback in closing:
            callback.close()
    average = None
    if start.average and start.average.count > 1 and not (interrupted or lost):
        average = try_average(start, keeper, save, console)
    return Outcome(
        epochs=history.epochs,
        steps=history.steps,
        best_epoch=keeper.best_epoch,
        best=keeper.best,
        metrics=keeper.best_logs,
        average=average,
        interrupted=interrupted,
        terminated=bool(interrupted) and interruption.signal == signal.SIGTERM,
        lost=lost,
        speed=speed.figures,
        skipped_steps=sound.skipped,
    )


def _checkpoints(out, train, callbacks, settings):
    """Return the callback that saves checkpoints, or None where none are wanted."""
    from kzoo.training import Checkpoints

    steps, seconds = parse_every(settings["checkpoint_every"])
    if steps is None and seconds is None:
        return None
    return Checkpoints(
        out / CHECKPOINTS,
        train,
        callbacks,
        every_steps=steps,
        every_seconds=seconds,
        keep=settings["keep_checkpoints"],
    )


def load_kept(model, out: pathlib.Path) -> None:
    """Give a model the weights that the run folder holds; adapters are merged.

    Args:
        model: The model that was trained.
        out: The run folder.
    """
    from kzoo.models import preset_folder
    from kzoo.training import merge_lora
    from kzoo.training.lora import lora_layers

    if lora_layers(model):
        merge_lora(model)
    preset_folder.load_weights(model, out)


def _first_of(scores) -> str:
    """Return a sentence, its reference and its translation, a line each."""
    return (
        f"  < {scores.sources[0]}\n  = {scores.references[0]}\n"
        f"  > {scores.translations[0]}"
    )


def _keep_after_interruption(keeper, save, out) -> str:
    """Make sure that the run folder opens, and return what it holds."""
    if keeper.best_epoch is not None:
        return f"Interrupted. {out} holds the weights of epoch {keeper.best_epoch}."
    save()
    return f"Interrupted before the first epoch ended. {out} holds the weights so far."
