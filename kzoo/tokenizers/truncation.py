"""How many tokens of each text remain under a maximum length."""


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
