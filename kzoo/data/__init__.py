"""Data: labelled texts from files, TFDS or a grammar, and batches ready for `fit`.

Nothing here loads a backend before batches for it are asked for.
"""

import importlib
from typing import TYPE_CHECKING

from kzoo.data.examples import Examples
from kzoo.data.loading import batches, load, token_batches_of
from kzoo.data.options import ReadOptions
from kzoo.data.order import BatchOrder
from kzoo.data.specs import available_splits, read
from kzoo.data.streaming import iter_texts
from kzoo.data.token_batches import TokenBatches

if TYPE_CHECKING:
    from kzoo.data.prepare_tfds import prepare
    from kzoo.data.python_dataset import TokenDataset
    from kzoo.data.set_epoch import SetEpoch

_LAZY = {
    "SetEpoch": "kzoo.data.set_epoch",
    "TokenDataset": "kzoo.data.python_dataset",
    "prepare": "kzoo.data.prepare_tfds",
}

__all__ = [
    "BatchOrder",
    "Examples",
    "ReadOptions",
    "SetEpoch",
    "TokenBatches",
    "TokenDataset",
    "available_splits",
    "batches",
    "iter_texts",
    "load",
    "prepare",
    "read",
    "token_batches_of",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'kzoo.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
