"""What a layer that wraps others hands on to them."""


def handed_on(
    tensors: dict, use_causal_mask: bool = False, others: dict | None = None
) -> dict:
    """Return the keyword arguments that were given.

    A wrapped layer need not take those that were left out.

    Args:
        tensors: Name to tensor, or None where it was left out.
        use_causal_mask: Whether it was asked for.
        others: Arguments to hand on as they are.

    Returns:
        The arguments.

    Example:
        >>> handed_on({"value": None, "key": 3}, True)
        {'key': 3, 'use_causal_mask': True}
    """
    given = {**(others or {}), **{k: x for k, x in tensors.items() if x is not None}}
    if use_causal_mask:
        given["use_causal_mask"] = True
    return given
