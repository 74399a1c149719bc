"""The exact state of a training, out to disk and in again.

Keras is loaded when a part that needs it is first asked for.
"""

from kzoo.lazy import lazily

_MODULES = {
    "Checkpoints": "callback",
    "DamagedCheckpoint": "errors",
    "verify": "reading",
}

__all__ = [*_MODULES]

__getattr__, __dir__ = lazily(__name__, _MODULES)
