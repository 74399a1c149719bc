"""The buckets of token n-grams: one hash for every layer that counts them."""

from collections.abc import Iterator

import numpy as np
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks

# A multiplier below 2**10 keeps hash * multiplier + id inside int32 for every
# bucket count up to 2**21, on backends that have no int64 (JAX by default).
MULTIPLIER = 1021
MOST_BUCKETS = 2**21


def check_ngrams(sizes: tuple[int, ...], num_buckets: int, *, least: int) -> None:
    """Raise unless the n-gram lengths and the bucket count are usable.

    Raises:
        InputError: If a length is below `least` or comes twice, or the buckets
            exceed 2**21.
    """
    checks.positive(num_buckets=num_buckets)
    if not sizes or min(sizes) < least or len(set(sizes)) < len(sizes):
        raise InputError(
            f"An n-gram has {least} tokens or more, and each length comes once.",
            f"sizes={tuple(sizes)}",
            "Pass lengths such as (2, 3).",
        )
    if num_buckets > MOST_BUCKETS:
        raise InputError(
            "The hash must stay inside int32.",
            f"num_buckets={num_buckets}",
            f"Pass at most {MOST_BUCKETS}.",
        )


def ngram_buckets(token_ids, padding_mask, sizes, num_buckets: int) -> Iterator[tuple]:
    """Yield the bucket of the n-gram that ends at each position, for each length.

    ```
    hash_1 = id_t mod buckets
    hash_n(t) = (hash_(n-1)(t - 1) * 1021 + id_t mod buckets) mod buckets
    ```

    Args:
        token_ids: (B, T) integers.
        padding_mask: (B, T) bool, True = real token, or None for all real.
        sizes: The lengths.
        num_buckets: At most 2**21.

    Yields:
        The length, the buckets (B, T) int32, and (B, T) int32 that is 1 where the
        n-gram begins inside the text and holds real tokens only.
    """
    # The remainder first: then no id, however great, overflows the product.
    ids = ops.cast(token_ids, "int32") % num_buckets
    whole = ops.ones_like(ids) if padding_mask is None else padding_mask
    whole = real = ops.cast(whole, "int32")
    hashed = ids
    for size in range(1, max(sizes) + 1):
        if size > 1:
            hashed = (_delayed(hashed) * MULTIPLIER + ids) % num_buckets
            whole = _delayed(whole) * real
        if size in sizes:
            yield size, hashed, whole


def document_buckets(token_ids: np.ndarray, sizes, num_buckets: int) -> np.ndarray:
    """Return the different buckets of one text's n-grams, as `ngram_buckets` has them.

    Args:
        token_ids: (T,) integers, none of them padding.
        sizes: The lengths.
        num_buckets: At most 2**21.

    Returns:
        Sorted int64, each bucket once.
    """
    ids = np.asarray(token_ids, "int64") % num_buckets
    hashed, found = ids, []
    for size in range(1, max(sizes) + 1):
        if size > 1:
            hashed = (hashed[:-1] * MULTIPLIER + ids[size - 1 :]) % num_buckets
        if size in sizes:
            found.append(hashed)
    return np.unique(np.concatenate(found))


def _delayed(x):
    """Return x one position later, zero in front: (B, T) -> (B, T)."""
    return ops.pad(x, ((0, 0), (1, 0)))[:, :-1]
