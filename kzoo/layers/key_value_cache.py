"""The keys and values that attention has already seen."""

from typing import Any, NamedTuple

from keras import ops

from kzoo.layers import kernels


class KeyValueCache(NamedTuple):
    """Keys and values of one attention layer, a value that nothing changes in place.

    A cache *grows* by one column for each token (`grown`), or has a *fixed size* from
    the start and is written to at an index (`written`): a graph or a compiled step
    then has one shape for every token.

    Args:
        key: (B, S, K, H).
        value: (B, S, K, H).

    Example:
        >>> cache = KeyValueCache.empty(2, 5, 3, 4)
        >>> cache.key.shape == (2, 5, 3, 4)
        True

    Reference:
        Shazeer 2019, arXiv:1911.02150, section 2.4.
    """

    key: Any
    value: Any

    @classmethod
    def empty(
        cls,
        batch_size,
        length,
        num_key_value_heads: int,
        key_dim: int,
        dtype: str = "float32",
    ) -> "KeyValueCache":
        """Return a cache of zeros: length 0 to grow, or the fixed size.

        Args:
            batch_size: B.
            length: S.
            num_key_value_heads: K.
            key_dim: H.
            dtype: The layer's compute type.

        Returns:
            The cache.
        """
        shape = (batch_size, length, num_key_value_heads, key_dim)
        return cls(ops.zeros(shape, dtype=dtype), ops.zeros(shape, dtype=dtype))

    def grown(self, key, value) -> "KeyValueCache":
        """Return the cache with more columns behind the last.

        Args:
            key: (B, T, K, H).
            value: (B, T, K, H).

        Returns:
            A cache of S + T columns.
        """
        return KeyValueCache(
            ops.concatenate([self.key, key], axis=1),
            ops.concatenate([self.value, value], axis=1),
        )

    def written(self, key, value, index) -> "KeyValueCache":
        """Return the cache with columns `index` to `index + T - 1` replaced.

        Args:
            key: (B, T, K, H).
            value: (B, T, K, H).
            index: The first column, an int or a scalar int32 tensor; `index + T` is
                at most S.

        Returns:
            A cache of S columns.
        """
        return KeyValueCache(
            kernels.cache_update(self.key, key, index),
            kernels.cache_update(self.value, value, index),
        )

    def with_rows(self, rows) -> "KeyValueCache":
        """Return the cache of B' texts, each what another was.

        Args:
            rows: (B',) int32, numbers of texts.

        Returns:
            A cache of S columns.
        """
        return KeyValueCache(*(ops.take(x, rows, axis=0) for x in self))

    def widened(self, columns: int) -> "KeyValueCache":
        """Return the cache with more columns of zeros behind the last.

        Args:
            columns: How many.

        Returns:
            A cache of S + columns columns.
        """
        return KeyValueCache(
            *(ops.pad(x, ((0, 0), (0, columns), (0, 0), (0, 0))) for x in self)
        )
