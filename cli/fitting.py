"""One `fit` with the callbacks of a run folder, and what came of it."""

import dataclasses
import os
import pathlib
from typing import Any

from kzoo.cli.averaging import try_average
from kzoo.cli.backend import quiet_stderr
from kzoo.cli.console import Console
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
        lost: What to tell of a loss that was no number, or "".
    """

    epochs: int
    steps: int
    best_epoch: int | None
    best: float | None
    metrics: dict[str, float]
    average: dict[str, Any] | None = None
    interrupted: str = ""
    lost: str = ""

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
        }


def fit(
    start: Start, out: pathlib.Path, settings: dict[str, Any], console: Console
) -> Outcome:
    """Train a compiled model; the run folder holds its best weights from then on.

    Args:
        start: The model and its batches.
        out: The run folder.
        settings: `epochs`, `total_steps`, `batch_size`, `monitor`, ...
        console: Where progress is shown.

    Returns:
        The outcome. Neither ctrl-C nor a lost loss raises here.
    """
    import keras

    from kzoo.data import SetEpoch
    from kzoo.models import preset_folder
    from kzoo.training import (
        BestPreset,
        HistoryLog,
        InterruptBetweenSteps,
        Progress,
        RequireFiniteLoss,
        SampleTexts,
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
    monitor = settings["monitor"] if validation is not None else None
    # A signal may come while something is printed: only os.write can be nested.
    interruption = InterruptBetweenSteps(lambda: os.write(2, _STOPPING))
    keeper = BestPreset(save, monitor)
    history = HistoryLog(out, every_steps=settings["log_steps"])
    callbacks = [
        SetEpoch(train),
        RequireFiniteLoss(),
        StopAtStep(settings["total_steps"]),
        ThroughputLog(batch_size, start.examples, start.tokens),
        interruption,
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
    interrupted = lost = ""
    try:
        with interruption:
            model.fit(
                train,
                epochs=settings["epochs"],
                validation_data=validation,
                callbacks=[*callbacks, *closing, *last],
                verbose=0,
            )
    except KeyboardInterrupt:
        interrupted = _keep_after_interruption(keeper, save, out)
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
        lost=lost,
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
