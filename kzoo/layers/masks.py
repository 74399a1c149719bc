"""Masks of attention: all are True where a query may attend to a key."""

from keras import ops


def causal_mask(query_length, key_length, *, offset=None, window=None):
    """Return who sees whom when the future is hidden, (T, S) bool.

    Args:
        query_length: T.
        key_length: S.
        offset: Where the first query stands among the keys; by default the last query
            stands at the last key, so T may be shorter than S.
        window: How many keys a query sees at most, its own included; None for all.

    Returns:
        (T, S) bool, True = attend.

    Example:
        >>> print(ops.convert_to_numpy(causal_mask(2, 3)))
        [[ True  True False]
         [ True  True  True]]
    """
    if offset is None:
        offset = key_length - query_length
    query_index = ops.arange(query_length)[:, None] + offset
    key_index = ops.arange(key_length)[None, :]
    mask = query_index >= key_index
    if window is not None:
        mask = ops.logical_and(mask, query_index - key_index < window)
    return mask


def window_mask(query_length, key_length, window: int, *, offset=None):
    """Return who sees whom within a distance, before and after, (T, S) bool.

    Args:
        query_length: T.
        key_length: S.
        window: Keys nearer than this are seen: `window - 1` on either side.
        offset: Where the first query stands among the keys; by default as in
            `causal_mask`.

    Returns:
        (T, S) bool, True = attend.

    Example:
        >>> print(ops.convert_to_numpy(window_mask(3, 3, 2)).astype(int))
        [[1 1 0]
         [1 1 1]
         [0 1 1]]

    Reference:
        Beltagy et al. 2020, arXiv:2004.05150, section 3.1.
    """
    if offset is None:
        offset = key_length - query_length
    distance = (
        ops.arange(query_length)[:, None] + offset - ops.arange(key_length)[None, :]
    )
    return ops.abs(distance) < window


def segment_mask(segment_ids, key_segment_ids=None):
    """Return who sees whom in rows packed of several texts, (B, T, S) bool.

    Args:
        segment_ids: (B, T) integers, one number for each text of a row.
        key_segment_ids: (B, S); by default the same.

    Returns:
        (B, T, S) bool, True where both belong to one text.

    Example:
        >>> print(ops.convert_to_numpy(segment_mask(ops.array([[0, 0, 1]]))[0, 2]))
        [False False  True]
    """
    if key_segment_ids is None:
        key_segment_ids = segment_ids
    return ops.equal(segment_ids[:, :, None], key_segment_ids[:, None, :])


def combine_masks(
    *,
    query_length,
    key_length,
    padding_mask=None,
    attention_mask=None,
    segment_ids=None,
    use_causal_mask=False,
    window=None,
    offset=None,
):
    """Combine masks by logical and.

    Args:
        query_length: T.
        key_length: S.
        padding_mask: (B, S) bool or int, True = real token, or None.
        attention_mask: (B, T, S) or (B, N, T, S), True = attend, or None.
        segment_ids: (B, T) integers of a row's texts, T = S, or None.
        use_causal_mask: Whether position t sees positions 0 to t only.
        window: See `causal_mask` and `window_mask`, or None.
        offset: Where the first query stands among the keys.

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
    if segment_ids is not None:
        mask = _both(mask, segment_mask(segment_ids)[:, None])
    lengths = query_length, key_length
    if use_causal_mask:
        causal = causal_mask(*lengths, offset=offset, window=window)
        mask = _both(mask, causal[None, None])
    elif window is not None:
        mask = _both(mask, window_mask(*lengths, window, offset=offset)[None, None])
    return mask


def _both(mask, other):
    return other if mask is None else ops.logical_and(mask, other)
