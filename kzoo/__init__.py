"""kzoo: text models in Keras that train, and ship as proven artefacts.

The floors, each importing only what stands under it: `kzoo.layers`,
`kzoo.tokenizers`, `kzoo.data`, `kzoo.generation` and `kzoo.training`; then
`kzoo.models`, `kzoo.export` and `kzoo.cli`. A floor is loaded when it is first
asked for.
"""

import importlib
from importlib import metadata

_FLOORS = (
    "cli",
    "data",
    "export",
    "generation",
    "layers",
    "models",
    "tokenizers",
    "training",
)

__all__ = ["__version__", *_FLOORS]

try:
    __version__ = metadata.version("kzoo")
except metadata.PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"


def __getattr__(name: str):
    if name in _FLOORS:
        return importlib.import_module(f"kzoo.{name}")
    raise AttributeError(f"module 'kzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
