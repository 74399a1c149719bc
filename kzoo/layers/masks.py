"""Masks of attention: all are True where a query may attend to a key."""

from keras import ops


def causal_mask(query_length, key_length):
    """Return who sees whom when the future is hidden, (T, S) bool.

    The last query stands at the last key, so T may be shorter than S.

    Args:
        query_length: T.
        key_length: S.

    Returns:
        (T, S) bool, True = attend.

    Example:
        >>> print(ops.convert_to_numpy(causal_mask(2, 3)))
        [[ True  True False]
         [ True  True  True]]
    """
    query_index = ops.arange(query_length)[:, None] + (key_length - query_length)
    return query_index >= ops.arange(key_length)[None, :]


def combine_masks(
    *,
    query_length,
    key_length,
    padding_mask=None,
    attention_mask=None,
    use_causal_mask=False,
):
    """Combine masks by logical and.

    Args:
        query_length: T.
        key_length: S.
        padding_mask: (B, S) bool or int, True = real token, or None.
        attention_mask: (B, T, S) or (B, N, T, S), True = attend, or None.
        use_causal_mask: Whether position t sees positions 0 to t only.

    Returns:
        bool, broadcastable to (B, N, T, S), or None if nothing is masked.
    """
    mask = None
    if padding_mask is not None:
        mask = ops.cast(padding_mask, "bool")[:, None, None, :]  # (B, 1, 1, S)
    if attention_mask is not None:
        attention_mask = ops.cast(attention_mask, "bool")
        if len(attention_mask.shape) == 3:
            attention_mask = attention_mask[:, None]  # (B, 1, T, S)
        mask = _both(mask, attention_mask)
    if use_causal_mask:
        mask = _both(mask, causal_mask(query_length, key_length)[None, None])
    return mask


def _both(mask, other):
    return other if mask is None else ops.logical_and(mask, other)
