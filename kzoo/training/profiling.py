"""A profile of some steps of `fit`, as TensorBoard shows it."""

import contextlib
import os
import pathlib

import keras

from kzoo.errors import InputError


class ProfileSteps(keras.callbacks.Callback):
    """Write a profile of a few steps of the first epoch, by the backend's profiler.

    `tensorboard --logdir FOLDER` shows it under "Profile", with the plugin of the
    package `tensorboard-plugin-profile`. TensorFlow and JAX write what that plugin
    reads; PyTorch a trace that it lists and that `chrome://tracing` and Perfetto open
    as well. The steps that are profiled are slower than others.

    Args:
        folder: Where the profile goes.
        first: The step that it begins at, from 0: the first ones compile.
        steps: How many.

    Raises:
        InputError: If a number is out of range.

    Example:
        >>> ProfileSteps("runs/a/profile", first=5, steps=10).steps
        10
    """

    def __init__(
        self, folder: str | os.PathLike, first: int = 5, steps: int = 10
    ) -> None:
        super().__init__()
        if first < 0 or steps < 1:
            raise InputError(
                "A profile is one of some steps, counted from 0.",
                f"first={first}, steps={steps}",
                "Pass first=5, steps=10.",
            )
        self.folder = pathlib.Path(folder)
        self.first = first
        self.steps = steps
        self.files: list[pathlib.Path] = []
        self._running: contextlib.ExitStack | None = None
        self._done = False

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Begin, if it is time."""
        of_epoch = self.params.get("steps") or self.first + 1
        if not self._done and batch >= min(self.first, of_epoch - 1):
            self._done = True
            self._last = batch + self.steps - 1
            self.folder.mkdir(parents=True, exist_ok=True)
            self._running = contextlib.ExitStack()
            self._running.enter_context(_profiler(str(self.folder)))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """End, if it was long enough."""
        if self._running is not None and batch >= self._last:
            dict(logs or {})  # where the step was only begun, that waits for its end
            self.close()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """End with the epoch."""
        self.close()

    def close(self) -> None:
        """Write what was profiled so far; after a `fit` that raised, too."""
        if self._running is not None:
            running, self._running = self._running, None
            running.close()
            self.files = sorted(p for p in self.folder.rglob("*") if p.is_file())


def _profiler(folder: str):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.profiler.experimental.Profile(folder)
    if backend == "jax":
        import jax

        return jax.profiler.trace(folder)
    import torch

    return torch.profiler.profile(
        on_trace_ready=torch.profiler.tensorboard_trace_handler(folder)
    )
