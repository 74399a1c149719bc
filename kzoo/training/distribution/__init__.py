"""Training on several devices and machines, equal to training on one.

Keras is loaded when a part that needs it is first asked for.
"""

import importlib

_MODULES = {
    "Distributed": "model",
    "Share": "shares",
    "any_rank": "group",
    "barrier": "group",
    "distributed": "model",
    "is_chief": "group",
    "rank": "group",
    "size": "group",
    "strategy": "strategies",
}

__all__ = [*_MODULES]


def __getattr__(name: str):
    if name in _MODULES:
        module = importlib.import_module(f"kzoo.training.distribution.{_MODULES[name]}")
        return getattr(module, name)
    raise AttributeError(
        f"module 'kzoo.training.distribution' has no attribute {name!r}"
    )


def __dir__() -> list[str]:
    return sorted(__all__)
