"""The exact state of a training, out to disk and in again.

Keras is loaded when a part that needs it is first asked for.
"""

import importlib

_MODULES = {
    "Checkpoints": "callback",
    "DamagedCheckpoint": "errors",
    "verify": "reading",
}

__all__ = [*_MODULES]


def __getattr__(name: str):
    if name in _MODULES:
        module = importlib.import_module(f"kzoo.training.checkpoints.{_MODULES[name]}")
        return getattr(module, name)
    raise AttributeError(
        f"module 'kzoo.training.checkpoints' has no attribute {name!r}"
    )


def __dir__() -> list[str]:
    return sorted(__all__)
