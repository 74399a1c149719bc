"""Names of a package whose modules are loaded when they are first asked for."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazily(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package.

    Args:
        package: Its name.
        homes: For each name the module of the package that holds it.

    Returns:
        Both functions; the second lists `__all__` of the package.

    Example:
        >>> get, _ = lazily("kzoo.data", {"BatchOrder": "order"})
        >>> get("BatchOrder").__name__
        'BatchOrder'
    """

    def get(name: str) -> Any:
        if name in homes:
            module = importlib.import_module(f"{package}.{homes[name]}")
            return getattr(module, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted(sys.modules[package].__all__)

    return get, names
