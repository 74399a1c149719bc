"""One `fit` with the callbacks of a run folder, and what came of it."""

import dataclasses
import pathlib
import signal
from typing import Any

from kzoo.cli.averaging import try_average
from kzoo.cli.backend import quiet_stderr
from kzoo.cli.console import Console
from kzoo.cli.optimization import set_steps_per_execution
from kzoo.cli.run_callbacks import RunCallbacks
from kzoo.cli.training_start import Start


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
    from kzoo.models import preset_folder
    from kzoo.training import CallbackList

    model = start.model

    def save():
        if (out / preset_folder.CONFIG).exists():
            preset_folder.save_weights(model, out)
        else:
            with quiet_stderr():  # Keras loads TensorFlow to make a config
                model.save_to_preset(out)

    steps = len(start.train.batches)
    set_steps_per_execution(model, settings, steps)
    callbacks = RunCallbacks(start, out, shared, settings, console, save)
    keeper, interruption = callbacks.keeper, callbacks.interruption
    interrupted = lost = ""
    try:
        with interruption:
            epochs = settings["epochs"]
            model.fit(
                start.train,
                epochs=epochs,
                validation_data=start.validation,
                callbacks=CallbackList(
                    callbacks.all, model, epochs=epochs, steps=steps
                ),
                verbose=0,
            )
    except KeyboardInterrupt:
        interrupted = _keep_after_interruption(keeper, save, out)
        if callbacks.saves is not None:
            interrupted += " The same command, run again, goes on."
    except FloatingPointError as error:
        kept = f" {out} holds the weights of epoch {keeper.best_epoch}."
        lost = f"{error}{kept if keeper.best_epoch else ''}"
    finally:
        callbacks.close()
    average = None
    if start.average and start.average.count > 1 and not (interrupted or lost):
        average = try_average(start, keeper, save, console)
    return Outcome(
        epochs=callbacks.history.epochs,
        steps=callbacks.history.steps,
        best_epoch=keeper.best_epoch,
        best=keeper.best,
        metrics=keeper.best_logs,
        average=average,
        interrupted=interrupted,
        terminated=bool(interrupted) and interruption.signal == signal.SIGTERM,
        lost=lost,
        speed=callbacks.speed.figures,
        skipped_steps=callbacks.steps.state_dict()["skipped"],
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


def _keep_after_interruption(keeper, save, out) -> str:
    """Make sure that the run folder opens, and return what it holds."""
    if keeper.best_epoch is not None:
        return f"Interrupted. {out} holds the weights of epoch {keeper.best_epoch}."
    save()
    return f"Interrupted before the first epoch ended. {out} holds the weights so far."
