"""From labels as they are written to positions in a list of names."""

from collections.abc import Sequence

import numpy as np

from kzoo.errors import InputError


def sort_names(found) -> tuple[str, ...]:
    """Return distinct label names: integers by value, anything else as text.

    Example:
        >>> sort_names(["10", "2", "1"]), sort_names(["pos", "neg"])
        (('1', '2', '10'), ('neg', 'pos'))
    """
    found = set(found)
    if all(_is_integer(name) for name in found):
        return tuple(sorted(found, key=lambda name: (int(name), name)))
    return tuple(sorted(found))


def encode_labels(
    raw: Sequence[str],
    label_names: Sequence[str] | None = None,
    *,
    where: str = "data",
    lines: Sequence[int] | None = None,
) -> tuple[np.ndarray, tuple[str, ...], str | None]:
    """Return each label's position, the names, and a note on how they were matched.

    With `label_names` given, a label is looked up by its exact name, else ignoring
    case; else, where every label is an integer, as a position that counts from 0
    or from 1. Without, the names are those found, see `sort_names`.

    Args:
        raw: One written label per example.
        label_names: The names in the order wanted, or `None`.
        where: What the labels came from, for the error.
        lines: The line of each label, for the error.

    Returns:
        `(labels, names, note)`: (n,) int32, the names, and a sentence or `None`.

    Raises:
        InputError: If a label is not among the given names.

    Example:
        >>> encode_labels(["2", "1", "2"], ["World", "Sports"])[0]
        array([1, 0, 1], dtype=int32)
    """
    found = set(raw)
    if label_names is None:
        names, note = sort_names(found), None
        table = {name: i for i, name in enumerate(names)}
    else:
        names = tuple(str(name) for name in label_names)
        if len(set(names)) != len(names):
            raise InputError("Label names are distinct.", f"label_names={list(names)}")
        table, note = _match(found, names)
    unknown = [i for i, name in enumerate(raw) if name not in table]
    if unknown:
        raise _unseen(raw, unknown, names, where, lines)
    labels = np.fromiter((table[name] for name in raw), "int32", len(raw))
    return labels, names, note


def require_two_labels(
    raw: Sequence[str], where: str, names: Sequence[str] | None = None
) -> None:
    """Refuse training data that has one label only.

    Args:
        raw: One written label per example.
        where: What they came from.
        names: Known names, for the message.

    Raises:
        InputError: If all labels are the same.
    """
    found = set(raw)
    if len(found) > 1:
        return
    known = f"; known labels: {', '.join(names)}" if names else ""
    raise InputError(
        "A classifier is trained on two labels or more.",
        f"only the label {next(iter(found), '')!r} in {len(raw):,} rows of "
        f"{where}{known}",
        "Check the label column, or add rows of another class.",
    )


def _is_integer(name: str) -> bool:
    return name.removeprefix("-").isascii() and name.removeprefix("-").isdigit()


def _match(found: set[str], names: tuple[str, ...]) -> tuple[dict, str | None]:
    exact = {name: i for i, name in enumerate(names)}
    if found <= set(exact):
        return exact, None
    folded = {name.casefold(): i for i, name in enumerate(names)}
    if len(folded) == len(names) and all(n.casefold() in folded for n in found):
        table = {name: folded[name.casefold()] for name in found}
        return table, "labels matched to the known names ignoring case"
    if all(_is_integer(name) for name in found):
        numbers = {name: int(name) for name in found}
        low, high = min(numbers.values()), max(numbers.values())
        for first in (0, 1):
            fits = first <= low and high <= len(names) - 1 + first
            certain = low == 0 or high == len(names)
            if fits and certain:
                table = {name: n - first for name, n in numbers.items()}
                return table, (
                    f"labels {low} to {high} read as positions, from {first}, among "
                    f"the names {', '.join(names)}"
                )
    return exact, None


def _unseen(raw, unknown, names, where, lines) -> InputError:
    new = sorted({raw[i] for i in unknown})
    listed = ", ".join(repr(name) for name in new[:5])
    more = f" and {len(new) - 5} more" if len(new) > 5 else ""
    at = ""
    if lines is not None:
        at = f" (line {', '.join(str(lines[i]) for i in unknown[:3])}"
        at += ", ...)" if len(unknown) > 3 else ")"
    return InputError(
        "Every label is one that the model knows.",
        f"{where} with label {listed}{more}{at}",
        f"Known labels: {', '.join(names)}. Mend the rows, or pass the label_names "
        "in the order of the model's classes.",
    )
