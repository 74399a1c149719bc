"""Groups of command-line options as dataclasses, for commands that share them."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any


def with_groups(command: Callable) -> Callable:
    """Give a command one option for each field of its dataclass parameters.

    Args:
        command: A function of which some parameters are annotated with dataclasses;
            their fields are `Annotated` as Typer reads it, with defaults.

    Returns:
        A function with those fields as keyword-only parameters, for Typer, that
        calls the command with the dataclasses made of them.

    Example:
        >>> @dataclasses.dataclass
        ... class Size:
        ...     width: int = 2
        >>> @with_groups
        ... def area(height: int, size: Size):
        ...     return height * size.width
        >>> str(inspect.signature(area))
        '(height: int, *, width: int = 2)'
        >>> area(3, width=4)
        12
    """
    signature = inspect.signature(command)
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if dataclasses.is_dataclass(parameter.annotation)
    }
    plain = [p for name, p in signature.parameters.items() if name not in groups]
    own = [p for p in plain if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    rest = [p for p in plain if p.kind is inspect.Parameter.KEYWORD_ONLY]
    fields = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for group in groups.values()
        for field in dataclasses.fields(group)
    ]

    @functools.wraps(command)
    def call(*args, **kwargs):
        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            kwargs[name] = group(**{n: kwargs.pop(n) for n in names if n in kwargs})
        return command(*args, **kwargs)

    parameters = [*own, *fields, *rest]
    del call.__wrapped__  # Typer would read the parameters of what it wraps
    call.__signature__ = signature.replace(parameters=parameters)
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    return call
