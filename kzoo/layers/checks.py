"""Checks that constructors share."""

from kzoo.errors import InputError, unknown_name


def positive(**sizes: int) -> None:
    """Raise unless every size is a positive whole number.

    Raises:
        InputError: If a size is not a whole number of 1 or more.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InputError(
                "A size is a whole number of 1 or more.",
                f"{name}={size!r}",
                f"Pass {name} >= 1.",
            )


def rate(**rates: float) -> None:
    """Raise unless every rate is a share of [0, 1).

    Raises:
        InputError: If a rate is outside [0, 1).
    """
    for name, value in rates.items():
        if not 0 <= value < 1:
            raise InputError(
                "A dropout rate is at least 0 and below 1.",
                f"{name}={value!r}",
                "0 turns it off.",
            )


def one_of(known, **names: str) -> None:
    """Raise unless every name is one of those known.

    Raises:
        InputError: If a name is not known.
    """
    for name, value in names.items():
        if value not in known:
            raise unknown_name(name, value, known)
