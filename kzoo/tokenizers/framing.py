"""Cutting texts to a maximum length, and the special tokens around them."""

from kzoo.errors import InputError


def kept_lengths(first: int, second: int, budget: int) -> tuple[int, int]:
    """Return how many tokens to keep of each text, the longest cut first.

    What transformers calls `longest_first`: while both together exceed the
    budget, the longer one loses its last token; where both are cut, the second
    keeps the odd token if it is the longer one or both are equally long.

    Args:
        first: Tokens of the first text.
        second: Tokens of the second text; 0 where there is none.
        budget: Tokens that both together may keep.

    Returns:
        The tokens to keep of the first and of the second text.

    Example:
        >>> kept_lengths(10, 3, 9), kept_lengths(10, 8, 9), kept_lengths(2, 3, 9)
        ((6, 3), (5, 4), (2, 3))
    """
    if first + second <= budget:
        return first, second
    shorter = min(first, second, budget // 2)
    if first > second:
        return budget - shorter, shorter
    return shorter, budget - shorter


def framed(
    first: list[int],
    second: list[int] | None,
    cls_and_sep: tuple[int, int],
    max_length: int | None,
) -> tuple[list[int], list[int]]:
    """Return ids and segment ids with the special tokens around them.

    Args:
        first: The ids of the first text.
        second: The ids of the second text, None where there is none.
        cls_and_sep: The ids of `[CLS]` and `[SEP]`.
        max_length: The most ids wanted, special tokens included; None for all.

    Returns:
        The ids and the segment ids, equally long.

    Raises:
        InputError: `max_length` leaves no room for the special tokens.

    Example:
        >>> framed([7, 8], [9], (2, 3), None)
        ([2, 7, 8, 3, 9, 3], [0, 0, 0, 0, 1, 1])
    """
    special = 2 if second is None else 3
    if max_length is not None:
        if max_length < special:
            raise InputError(
                f"max_length leaves room for the {special} special tokens.",
                f"max_length={max_length}",
                f"Pass {special} or more.",
            )
        kept = kept_lengths(len(first), len(second or ()), max_length - special)
        first, second = first[: kept[0]], second and second[: kept[1]]
    cls, sep = cls_and_sep
    ids = [cls, *first, sep]
    if second is None:
        return ids, [0] * len(ids)
    return [*ids, *second, sep], [0] * len(ids) + [1] * (len(second) + 1)


def pair_framed(
    first: list[int],
    second: list[int] | None,
    cls_and_sep: tuple[int, int] | None,
    max_length: int | None,
) -> list[int]:
    """Return ids framed as RoBERTa has them, or cut alone where there is no frame.

    Args:
        first: The ids of the first text.
        second: The ids of the second text, None where there is none.
        cls_and_sep: The ids of `<s>` and `</s>`; None for no frame.
        max_length: The most ids wanted, the frame included; None for all.

    Returns:
        The ids.

    Raises:
        InputError: `max_length` leaves no room for the frame.

    Example:
        >>> pair_framed([7, 8], [9], (2, 3), None), pair_framed([7, 8], [9], None, 2)
        ([2, 7, 8, 3, 3, 9, 3], [7, 9])
    """
    special = 0 if cls_and_sep is None else 2 if second is None else 4
    if max_length is not None:
        if max_length < max(special, 1):
            raise InputError(
                "max_length leaves room for the special tokens around a text.",
                f"max_length={max_length}",
                f"Pass {max(special, 1)} or more.",
            )
        kept = kept_lengths(len(first), len(second or ()), max_length - special)
        first, second = first[: kept[0]], second and second[: kept[1]]
    if cls_and_sep is None:
        return [*first, *(second or ())]
    cls, sep = cls_and_sep
    if second is None:
        return [cls, *first, sep]
    return [cls, *first, sep, sep, *second, sep]
