"""Callbacks of `fit` that read what a step computed only when they need it."""

import time
from collections.abc import Iterable, Iterator, Mapping

import keras

from kzoo.training.step_count import ends_epoch


class StepLogs(Mapping):
    """The logs of a step, which wait for the device when they are first read.

    Args:
        values: Numbers, or tensors of one, by name; of nested ones the inner names.
        before: The logs of the step before.

    Attributes:
        known: Whether they were read.
        ended: When the step was found to have ended, by `time.perf_counter`.
        ends: When the steps ended that callbacks had not heard of as ended, oldest
            first: seldom this one, for which nobody waits.

    Example:
        >>> logs = StepLogs({"loss": keras.ops.convert_to_tensor(0.5)})
        >>> "loss" in logs, logs["loss"]
        (True, 0.5)
    """

    def __init__(self, values: Mapping, before: "StepLogs | None" = None) -> None:
        self._values = {name: _own(value) for name, value in _flat(values)}
        self._before = before
        self.known = False
        self.ended: float | None = None
        self.ends: tuple[float, ...] = ()

    @property
    def latest(self) -> "StepLogs":
        """The newest logs that nobody has to wait for; of the first step, its own."""
        return self if self.known or self._before is None else self._before

    def numbers(self) -> dict[str, float]:
        """Return all of them, as Python's numbers."""
        if not self.known:
            self._values = {name: _number(x) for name, x in self._values.items()}
            self._before, self.known = None, True
            self.ended = self.ended or time.perf_counter()
        return self._values

    def has_ended(self) -> bool:
        """Return whether the step has ended, as far as that can be told at once."""
        if self.ended is None and all(map(_is_there, self._values.values())):
            self.ended = time.perf_counter()
        return self.ended is not None

    def __getitem__(self, name: str) -> float:
        return self.numbers()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"StepLogs({self.numbers()})"


class CallbackList(keras.callbacks.CallbackList):
    """Callbacks for `fit` that let it go on while the device computes.

    Keras reads the logs of each step as soon as it was begun: Python waits for the
    device, and then the device for Python to begin the next step. Here it is the step
    before that is waited for, and an epoch's last one. Logs are read when a callback
    asks for them; those of `kzoo.training` seldom do: `SkipNonFinite` looks at a step
    when the next one was begun. A callback of yours takes part by an attribute
    `takes_step_logs = True`: `on_train_batch_end` then gets a `StepLogs`. Where any
    other one hears of steps, it gets a dict of numbers, as from Keras, and all wait.

    Who listens is asked once an epoch. `fit` shows no bar of its own with it, whatever
    its `verbose`.

    Args:
        callbacks: The callbacks, in order.
        model: The model that is trained.
        epochs: The epochs of `fit`.
        steps: The batches of an epoch, which callbacks find in their `params`.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x, y = keras.ops.ones((6, 2)), keras.ops.ones((6, 1))
        >>> callbacks = CallbackList([], model, epochs=2, steps=3)
        >>> history = model.fit(
        ...     x, y, batch_size=2, epochs=2, callbacks=callbacks, verbose=0)
        >>> len(history.history["loss"])
        2
    """

    def __init__(
        self,
        callbacks: Iterable[keras.callbacks.Callback],
        model: keras.Model,
        *,
        epochs: int,
        steps: int,
    ) -> None:
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=steps,
        )
        self._step: StepLogs | None = None
        self._under_way: list[StepLogs] = []
        self._told = self._listeners()

    def on_epoch_begin(self, epoch: int, logs: Mapping | None = None) -> None:
        """Tell every callback; a step that a stopped epoch left is of no interest."""
        self._under_way = []
        super().on_epoch_begin(epoch, logs)
        self._told = self._listeners()

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Tell every callback that listens of a step that was begun."""
        before, self._step = self._step, StepLogs(logs or {}, self._step)
        if before is not None:
            before.numbers()  # no more than one step is under way
        if ends_epoch(self, batch):
            self._step.numbers()
        self._step.ends = self._ends()
        numbers = None
        for callback, takes_late in self._told:
            if takes_late:
                callback.on_train_batch_end(batch, self._step)
            else:
                numbers = numbers or dict(self._step.numbers())
                callback.on_train_batch_end(batch, numbers)

    def _listeners(self) -> list[tuple]:
        """Return whom to tell of a step, and whether they take its logs late."""
        return [(x, _takes_late(x)) for x in self.callbacks if _listens(x)]

    def _ends(self) -> tuple[float, ...]:
        """Return when the steps ended that did since the last call."""
        steps = [*self._under_way, self._step]
        self._under_way = [step for step in steps if not step.has_ended()]
        return tuple(step.ended for step in steps if step.ended is not None)


def _flat(values: Mapping) -> Iterator[tuple]:
    for name in sorted(values):
        if isinstance(values[name], Mapping):
            yield from _flat(values[name])
        else:
            yield name, values[name]


def _own(value):
    """Return a value that later steps do not change: on PyTorch they may, in place."""
    if keras.backend.backend() == "torch" and keras.ops.is_tensor(value):
        return value.detach().clone()
    return value


def _number(value):
    """Return a value as Keras hands it to callbacks: as a number if it is one."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _is_there(value) -> bool:
    """Return whether reading a value would not wait for a device."""
    if not keras.ops.is_tensor(value):
        return True
    if keras.backend.backend() == "jax":
        return value.is_ready()
    return "cpu" in str(value.device).lower()  # whose operations end before they return


def _listens(callback) -> bool:
    """Return whether a callback does anything at the end of a step."""
    plain, own = keras.callbacks.Callback, type(callback)
    return any(
        name in vars(callback) or getattr(own, name) is not getattr(plain, name)
        for name in ("on_train_batch_end", "on_batch_end")
    )


def _takes_late(callback) -> bool:
    own = type(callback).__module__.startswith("kzoo.training.")
    return getattr(callback, "takes_step_logs", own)
