"""The state of Keras's own callbacks, by the attributes that they keep it in."""

from typing import Any

import keras

# What changes while they run; settings are the constructor's.
_ATTRIBUTES = {
    keras.callbacks.EarlyStopping: (
        "wait", "stopped_epoch", "best", "best_epoch", "best_weights",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
    keras.callbacks.ModelCheckpoint: (
        "best", "_batches_seen_since_last_saving", "_last_batch_seen",
        "_current_epoch",
    ),
    keras.callbacks.History: ("epoch", "history"),
}  # fmt: skip


class KerasPart:
    """A callback of Keras as a part of a checkpoint.

    Args:
        callback: The callback.
        names: The attributes that are its state.
    """

    def __init__(self, callback: Any, names: tuple[str, ...]) -> None:
        self.callback = callback
        self.names = names

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes that are set."""
        found = {name: getattr(self.callback, name, None) for name in self.names}
        if isinstance(self.callback, keras.callbacks.History):
            # Columns rather than pairs of a name and a list that grows.
            found["history"] = {k: list(v) for k, v in self.callback.history.items()}
        return found

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the attributes."""
        for name in self.names:
            setattr(self.callback, name, state[name])


def adapted(callback: Any) -> KerasPart | None:
    """Return a callback of Keras as a part, or None if its state is not known.

    Args:
        callback: Anything.
    """
    for known, names in _ATTRIBUTES.items():
        if isinstance(callback, known):
            return KerasPart(callback, names)
    return None
