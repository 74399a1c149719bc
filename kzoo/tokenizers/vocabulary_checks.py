"""What every vocabulary must be, whatever its kind."""

from kzoo.errors import InputError


def check_once_each(vocabulary: list[str]) -> None:
    """Raise if a token stands in a vocabulary twice.

    Args:
        vocabulary: The tokens, in the order of their ids.

    Raises:
        InputError: If one does.
    """
    ids = {token: index for index, token in enumerate(vocabulary)}
    if len(ids) != len(vocabulary):
        twice = next(t for index, t in enumerate(vocabulary) if ids[t] != index)
        raise InputError(
            "Each token of a vocabulary stands in it once.",
            f"vocabulary with {twice!r} twice",
            "Remove the second one.",
        )
