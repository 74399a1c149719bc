"""Callbacks of `fit` that read what a step computed only when they need it."""

from collections.abc import Iterable, Iterator, Mapping

import keras


class StepLogs(Mapping):
    """The logs of a step, which wait for the device when they are first read.

    Args:
        values: Numbers, or tensors of one, by name.

    Example:
        >>> logs = StepLogs({"loss": keras.ops.convert_to_tensor(0.5)})
        >>> "loss" in logs, logs["loss"]
        (True, 0.5)
    """

    def __init__(self, values: Mapping) -> None:
        self._values = dict(sorted(_flat(values)))
        self._read = False

    def numbers(self) -> dict[str, float]:
        """Return all of them, as Python's numbers."""
        if not self._read:
            self._values = {name: _number(x) for name, x in self._values.items()}
            self._read = True
        return self._values

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
    device, and then the device for Python to begin the next step. Here the logs are
    read when a callback asks for them. Callbacks of `kzoo.training` seldom do:
    `SkipNonFinite` looks at each step when the next one was begun. A callback of yours
    takes part by an attribute `takes_step_logs = True`: `on_train_batch_end` then gets
    a `StepLogs`. Any other one that hears of steps gets a dict of numbers, as from
    Keras, and has all wait.

    Args:
        callbacks: The callbacks, in order.
        model: The model that is trained.
        epochs: The epochs of `fit`.
        steps: The batches of an epoch, where that is known: what callbacks find in
            their `params`.

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
        steps: int | None = None,
    ) -> None:
        super().__init__(
            list(callbacks),
            add_history=True,
            model=model,
            verbose=0,
            epochs=epochs,
            steps=steps,
        )

    def on_train_batch_end(self, batch: int, logs: Mapping | None = None) -> None:
        """Tell every callback that listens of a step that was begun."""
        late = StepLogs(logs or {})
        for callback in self.callbacks:
            if _listens(callback):
                callback.on_train_batch_end(
                    batch, late if _takes_late(callback) else dict(late.numbers())
                )


def _flat(values: Mapping) -> Iterator[tuple]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield name, value


def _number(value):
    """Return a value as Keras hands it to callbacks: as a number if it is one."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


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
