"""The model families that commands know by name."""

from kzoo.errors import InputError, unknown_name

FAMILIES = ("classifier",)
_PLANNED = ("translator", "gpt2")


def check_family(name: str) -> None:
    """Refuse a family that this version has not.

    Raises:
        InputError: If there is no such family.
    """
    if name in _PLANNED:
        raise InputError(
            "This version trains classifiers only.",
            f"FAMILY={name}, which is not in this version",
            "Pass classifier.",
        )
    if name not in FAMILIES:
        raise unknown_name("family", name, FAMILIES)
