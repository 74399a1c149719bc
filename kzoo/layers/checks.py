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


def positive_or_none(**sizes: int | None) -> None:
    """Raise unless every size is None or a positive whole number.

    Raises:
        InputError: If a size is neither.
    """
    positive(**{name: size for name, size in sizes.items() if size is not None})


def above_zero_or_none(**numbers: float | None) -> None:
    """Raise unless every number is None or above zero.

    Raises:
        InputError: If a number is neither.
    """
    for name, value in numbers.items():
        if value is not None and not value > 0:
            raise InputError(
                "A bound is a number above zero.",
                f"{name}={value!r}",
                "Pass a greater one, or None for no bound.",
            )


def heads(num_heads: int, num_key_value_heads: int | None) -> None:
    """Raise unless the key and value heads can be shared out among the query heads.

    Raises:
        InputError: If a number is not positive, or one does not divide the other.
    """
    positive(num_heads=num_heads)
    positive_or_none(num_key_value_heads=num_key_value_heads)
    if num_heads % (num_key_value_heads or 1):
        raise InputError(
            "Every key head serves as many query heads as the others.",
            f"num_heads={num_heads}, num_key_value_heads={num_key_value_heads}",
            "Choose num_key_value_heads that divides num_heads.",
        )


def token_ids(vocabulary_size: int, **ids: int) -> None:
    """Raise unless every id is of the vocabulary.

    Raises:
        InputError: If an id is not a whole number of [0, vocabulary_size).
    """
    for name, value in ids.items():
        if not isinstance(value, int) or not 0 <= value < vocabulary_size:
            raise InputError(
                "A special token has an id of the vocabulary.",
                f"{name}={value!r}, vocabulary_size={vocabulary_size}",
                "Pass the id that the tokenizer gives it.",
            )
