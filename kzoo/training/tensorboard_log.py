"""Curves for TensorBoard, without TensorFlow."""

import os
import pathlib
import sys
import types

import keras

from kzoo.errors import InputError
from kzoo.training import event_files
from kzoo.training.distribution.group import is_chief
from kzoo.training.learning_rate import learning_rate_of
from kzoo.training.step_count import due, steps_of


class TensorBoardLog(keras.callbacks.Callback):
    """Write curves that `tensorboard --logdir FOLDER` shows, on any backend.

    `FOLDER/train` and `FOLDER/validation` each hold `epoch_loss`, `epoch_accuracy` and
    so on, drawn into one chart; `FOLDER/train` also `batch_loss` and
    `batch_learning_rate`. `keras.callbacks.TensorBoard` needs TensorFlow for this.
    With `Checkpoints`, a training that is taken up again has each point once: what was
    written after the checkpoint is dropped.

    Args:
        folder: Where the event files go.
        every_steps: Write each n-th step as well; 0 for epochs only.

    Raises:
        InputError: If the package `tensorboard` is not installed.

    Example:
        >>> log = TensorBoardLog("runs/a/tensorboard")
        >>> log.every_steps
        10
    """

    def __init__(self, folder: str | os.PathLike, every_steps: int = 10) -> None:
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.every_steps = every_steps
        self.steps = 0
        self.epochs = 0
        self._writers = {}
        self._make_writer = _writer_class()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Write the step if it is its turn."""
        taken = steps_of(self, batch)
        self.steps += taken
        if due(self.steps, taken, self.every_steps):
            for name, value in (logs or {}).items():
                self._write("train", f"batch_{name}", value, self.steps)
            rate = learning_rate_of(self.model.optimizer, self.steps - 1)
            self._write("train", "batch_learning_rate", rate, self.steps)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the epoch, and have it on the disk."""
        self.epochs = epoch + 1
        for name, value in (logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            self._write(part, f"epoch_{name.removeprefix('val_')}", value, epoch + 1)
        self._flush()

    def state_dict(self) -> dict[str, int]:
        """Return the counts of steps and epochs, for a checkpoint, all written."""
        self._flush()
        return {"steps": self.steps, "epochs": self.epochs}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up the counts of a checkpoint, and drop what was written after it."""
        self.steps, self.epochs = state["steps"], state["epochs"]
        self.close()
        if is_chief():
            last = {"batch_": self.steps, "epoch_": self.epochs}
            event_files.drop_after(self.folder, last)

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the files."""
        self.close()

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def _write(self, part: str, name: str, value: float, step: int) -> None:
        if part not in self._writers:
            path = self.folder / part
            path.mkdir(parents=True, exist_ok=True)
            self._writers[part] = self._make_writer(str(path))
        self._writers[part].add_scalar(name, float(value), step)


def _writer_class():
    if "tensorflow" not in sys.modules:
        # By this module tensorboard knows that it is to use its own file functions;
        # otherwise it loads all of TensorFlow, if installed, to open one file.
        name = "tensorboard.compat.notf"
        sys.modules.setdefault(name, types.ModuleType(name))
    try:
        from tensorboard.summary import Writer
    except ModuleNotFoundError as error:
        raise InputError(
            "Curves for TensorBoard need the package tensorboard.",
            f"no module {error.name!r}",
            'Install it: pip install "kzoo[logging]".',
        ) from error
    return Writer
