"""Training on several devices and machines, equal to training on one.

Keras is loaded when a part that needs it is first asked for.
"""

from kzoo.lazy import lazily

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

__getattr__, __dir__ = lazily(__name__, _MODULES)
