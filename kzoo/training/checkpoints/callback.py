"""Checkpoints of a training, between any two steps of `fit`."""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from kzoo.errors import InputError
from kzoo.training.checkpoints import model_state
from kzoo.training.checkpoints.background import Background
from kzoo.training.checkpoints.parts import history_of, join, named_parts
from kzoo.training.checkpoints.position import PartialEpoch, first_batch, order_of
from kzoo.training.checkpoints.random_state import set_random_state
from kzoo.training.checkpoints.snapshot import Place, Snapshot
from kzoo.training.checkpoints.store import Store
from kzoo.training.distribution import group
from kzoo.training.step_count import TAKEN_BEFORE

# Processes of a group ask each other every so many steps whether to save.
_ASK = 10


class Checkpoints(keras.callbacks.Callback):
    """Save a training as it is, and go on from there to the same bits.

    The last in the list of callbacks:

    ```
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3)
    saves = Checkpoints("run/checkpoints", data=train, parts=[stop])
    model.fit(train, epochs=9, shuffle=False, callbacks=[stop, saves])
    ```

    The same lines, run again after a kill, go on from the newest checkpoint that is
    whole, in the middle of its epoch, and end with the weights, optimizer and history
    of a training that was never disturbed. Once a training has ended they do nothing.

    A checkpoint holds the model, its optimizer, the metrics of the running epoch, every
    random state, the place in the data, and the `parts`. The training waits while it
    is copied in memory; a thread writes it. It appears under its name when all of it
    is on the disk. When it is read, every byte is compared with a digest, and a damaged
    one is passed over for the one before, with a warning.

    In a group of processes all have one: the first writes, all read. They save between
    the same two steps.

    Args:
        folder: Where checkpoints go, one folder each.
        data: What `fit` trains on: from `kzoo.data`, or anything that keeps its place
            (see `order_of`). Without it checkpoints are taken at epochs' ends only,
            and epochs must not depend on what was drawn before.
        parts: What else has a state: objects with `state_dict()`, which returns
            JSON values and arrays, and `load_state_dict(state)`, by name; or
            callbacks, of which those without a state are left out. Keras's own
            are known.
        every_steps: Save whenever so many steps are through.
        every_seconds: Save when so many seconds have passed since the last save;
            None for neither. Not used beside `every_steps`.
        keep: How many checkpoints are kept, the newest.
        resume: Whether to go on from the newest. False refuses a folder with some.

    Attributes:
        step: Steps taken so far, those before a restart included.
        resumed_from: The name of the checkpoint that it went on from, or None.
        answered: Whether a `request` has led to a checkpoint on the disk.

    Raises:
        InputError: If a number is not positive, the data keeps no place, or a part
            has no state; when `fit` begins, if checkpoints are not of this model.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        data: Any = None,
        parts: Mapping[str, Any] | Iterable[Any] | None = None,
        *,
        every_steps: int | None = None,
        every_seconds: float | None = 60.0,
        keep: int = 3,
        resume: bool = True,
    ) -> None:
        super().__init__()
        if (every_steps is not None and every_steps < 1) or (every_seconds or 0) < 0:
            raise InputError(
                "Checkpoints are some steps or some seconds apart.",
                f"every_steps={every_steps}, every_seconds={every_seconds}",
                "Pass positive numbers.",
            )
        self.store = Store(folder, keep)
        self.data = data
        self.order = None if data is None else order_of(data)
        self.parts = named_parts(parts)
        self.every_steps = every_steps
        self.every_seconds = None if every_steps else every_seconds
        self.resume = resume
        self.step = 0
        self.resumed_from: str | None = None
        self.answered = False
        self._background = Background()
        self._copy = model_state.HostCopy()
        self._requests = self._heard = 0  # two numbers: signals come at any moment
        self._asked = False  # whether all processes agreed to answer a request
        self._partial: PartialEpoch | None = None
        self._idle_from = self._random = self._logs = None
        self._pending = None  # the checkpoint whose epoch is about to begin
        self._held: tuple[Place, Snapshot] | None = None

    def request(self) -> None:
        """Ask for a checkpoint after the running step, written before it goes on.

        It may be called from a signal's handler or another thread.
        """
        self._requests += 1

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Go on from the newest checkpoint, if there is one.

        Raises:
            InputError: If there is one and it is not to be used, or not of this model.
        """
        self.close()  # what a fit before this one left, if it raised
        self.step = self._checked = self._done = self._offset = self._epoch = 0
        self.answered = False
        self._data_epoch = None if self.order is None else self.order.epoch
        self._saved_at = time.monotonic()
        self.resumed_from = self._pending = self._held = self._random = None
        if group.is_chief():
            self.store.sweep()
        checkpoint = self.store.newest()
        if checkpoint is not None:
            if not self.resume:
                raise InputError(
                    "A training that starts anew has a folder without checkpoints.",
                    f"folder={str(self.store.folder)!r}",
                    "Name another folder, or take this one away.",
                )
            self._restore(checkpoint)
        elif self.parts and group.is_chief():
            self._begin()
        self._asked_at = self.step
        self._check_group()
        steps = self.params.get("steps")
        if self.order is not None and steps != len(self.order):
            raise InputError(
                "With checkpoints an epoch of fit is one of its data.",
                f"fit with {steps} steps, data with {len(self.order)}",
                "Leave steps_per_epoch out; kzoo.data takes it.",
            )
        # Before the first save needs it: to map memory takes longer than to copy.
        variables = model_state.all_variables(self._own)
        self._background.start(self._copy.prepare(variables))

    def _check_group(self) -> None:
        """Wait for all processes, and refuse to go on from different checkpoints."""
        if group.total(self.step) != self.step * group.size():
            raise InputError(
                "The processes of a group go on from the same checkpoint.",
                f"step {self.step} in process {group.rank()} of {group.size()}",
                f"See that all of them read {str(self.store.folder)!r} as it is now.",
            )

    def _begin(self) -> None:
        """Undo what parts wrote in a life that ended before its first checkpoint."""
        start = self.store.start() if self.resume else None
        if start is not None:
            self._load_parts(start, set(start.state["parts"]) & set(self.parts))
        self.store.save_start(Snapshot.of_parts(self.parts).files())

    def _restore(self, checkpoint) -> None:
        model = self._own
        place = Place.of(checkpoint.state, checkpoint.folder)
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if place.epoch_step:
            if self.data is None:
                raise InputError(
                    "A training goes on in an epoch's middle with data that keeps "
                    "its place.",
                    f"step {place.epoch_step} of epoch {place.epoch + 1}, data=None",
                    "Pass the data as before.",
                )
            # TensorFlow makes metrics in the first step, too late for their values.
            model._symbolic_build(data_batch=first_batch(self.data))
        model_state.assign(model, checkpoint, without_metrics=True)
        saved = checkpoint.state["parts"]
        if set(saved) != set(self.parts):
            raise InputError(
                "A training goes on with the parts that it was saved with.",
                f"parts {sorted(self.parts)}; {checkpoint.folder} has {sorted(saved)}",
                "Pass the same, under the same names.",
            )
        self._load_parts(checkpoint, self.parts)
        self._pending = checkpoint, place
        self.step = self._checked = place.step
        self._epoch = place.epoch
        self.resumed_from = checkpoint.folder.name
        over = place.stopped and not place.epoch_step
        model._initial_epoch = self.params["epochs"] if over else place.epoch

    def _load_parts(self, checkpoint, names: Iterable[str]) -> None:
        arrays, saved = checkpoint.tensors("arrays"), checkpoint.state["parts"]
        for name in names:
            self.parts[name].load_state_dict(join(saved[name], arrays))

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Take up the place in the epoch, or save the end of the one before."""
        self._epoch, self._done, self._offset = epoch, 0, 0
        self.params[TAKEN_BEFORE] = 0
        if self.order is not None:
            self._data_epoch, self.order.start = self.order.epoch, 0
        self._background.check()
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._take_up(*pending)
        elif self.step and self._is_time(ask=True):
            # Not at the epoch's end: Keras's own History hears of that after this.
            self._save("-end", self._place(epoch, 0))

    def _take_up(self, checkpoint, place: Place) -> None:
        model = self._own
        model._initial_epoch = None
        if self.order is not None and place.data_epoch is not None:
            self.order.epoch = self._data_epoch = place.data_epoch
        if place.epoch_step:
            model_state.assign_metrics(model, checkpoint)
            self._done = self._offset = self.params[TAKEN_BEFORE] = place.epoch_step
            idle = place.stopped or place.epoch_step == len(self.order)
            logs = checkpoint.state["logs"] if idle else None
            self._partial = PartialEpoch(model, self.order, place.epoch_step, logs)
            self._idle_from = (checkpoint, place.stopped) if idle else None
        arrays = checkpoint.tensors("arrays")
        self._restore_history(checkpoint, arrays)
        self._random = join(checkpoint.state["random"], arrays)
        if not place.epoch_step:
            self._set_random_state()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Take up the random states of an epoch's middle."""
        # Not when the epoch begins: torch's loader draws a number then.
        if self._random is not None:
            self._set_random_state()

    def _set_random_state(self) -> None:
        set_random_state(self._random)
        self._random = None

    def _restore_history(self, checkpoint, arrays) -> None:
        # Keras adds this callback itself, behind all others.
        for part in history_of(self._own).values():
            if checkpoint.state.get("history"):
                part.load_state_dict(join(checkpoint.state["history"], arrays))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Save, if it is time.

        Raises:
            OSError: If the save before failed.
        """
        if self._partial is not None and self._partial.idle:
            # The other callbacks have counted a step that was none.
            checkpoint, stopped = self._idle_from
            self._load_parts(checkpoint, self.parts)
            self._own.stop_training = stopped
            self._partial.end()
            return
        done = self._offset + batch + 1
        if self.order is not None:
            done = min(done, len(self.order))  # where fit takes several at once
        self.step += done - self._done
        self._done, self._logs = done, logs
        self._background.check()
        if self.order is None:
            return
        self._save_if_due(done)
        if self._partial is not None and done == len(self.order):
            self._partial.end()

    def _save_if_due(self, done: int) -> None:
        if self._is_time():
            self._save("", self._place(self._epoch, done))
        elif done == len(self.order) and group.size() == 1:
            # For a request that comes in the validation; in a group, whose processes
            # validate at their own pace, the next epoch answers it.
            if not self._background.busy:
                self._held = self._take(self._place(self._epoch, done))

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Save the state before the validation, if that was asked for."""
        if self._requests > self._heard and self._held is not None:
            place, snapshot = self._held
            self._held = None
            self._agreed(False)
            self._write("", place, snapshot)

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Nothing but the end is left of an epoch that was taken up in its middle."""
        self._close_partial()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Forget what was kept for the validation."""
        self._close_partial()
        self._held = None

    def on_train_end(self, logs: dict | None = None) -> None:
        """Save the end of the training, and wait until all is on the disk."""
        model = self._own
        model._initial_epoch = None
        if self._pending is not None:  # there was nothing left to do
            checkpoint, _ = self._pending
            self._restore_history(checkpoint, checkpoint.tensors("arrays"))
            self._pending = None
        else:
            if self.order is not None:
                self._data_epoch = self.order.epoch
            self._save("-final", self._place(self._epoch + 1, 0))
        self.close()

    def close(self) -> None:
        """Wait until what was begun is on the disk; after a `fit` that raised, too.

        Raises:
            OSError: If it could not be written.
        """
        self._close_partial()
        self._held = None
        self._background.wait()

    def _close_partial(self) -> None:
        if self._partial is not None:
            self._partial.close()
            self._partial = None

    @property
    def _own(self) -> keras.Model:
        # `self.model` would fetch all values from JAX, which each step would feel.
        return self._model if keras.backend.backend() == "jax" else self.model

    def _is_time(self, ask: bool = False) -> bool:
        """Return whether to save now: in a group, which may have to `ask`, the same."""
        step, due = self.step, False
        if self.every_steps is not None:
            due = step // self.every_steps > self._checked // self.every_steps
            self._checked = step
        ask = ask or due or step // _ASK > self._asked_at // _ASK
        if group.size() > 1 and not ask:
            return False
        self._asked_at = step
        if self.every_seconds is not None:
            due = (
                time.monotonic() - self._saved_at >= self.every_seconds
                and not self._background.busy
                and group.is_chief()
            )
        return self._agreed(due)

    def _agreed(self, due: bool) -> bool:
        """Return whether it is due, or requested, in any process of the group."""
        requests = self._requests  # one more may come while others are asked
        # Each process has to ask both, whatever it knows itself.
        self._asked = group.any_rank(requests > self._heard)
        due = group.any_rank(due)
        self._heard = requests
        return self._asked or due

    def _place(self, epoch: int, epoch_step: int) -> Place:
        return Place(
            step=self.step,
            epoch=epoch,
            epoch_step=epoch_step,
            data_epoch=self._data_epoch,
            stopped=bool(self._own.stop_training),
        )

    def _take(self, place: Place) -> tuple[Place, Snapshot]:
        self._background.wait()  # it reads the memory that this writes to
        logs = self._logs
        return place, Snapshot.take(self._own, self.parts, place, self._copy, logs)

    def _save(self, kind: str, place: Place) -> None:
        self._write(kind, *self._take(place))
        self._saved_at = time.monotonic()

    def _write(self, kind: str, place: Place, snapshot: Snapshot) -> None:
        at_once, self._asked = self._asked, False
        if group.is_chief():
            self._background.start(
                lambda: self.store.save(place.step, kind, snapshot.files())
            )
        if at_once or kind == "-final":
            try:
                self._background.wait()
            finally:  # who ends before the first has written takes it along
                group.barrier()
        self.answered = self.answered or at_once
