"""Positions as a bias on the attention scores: ALiBi and T5's."""

import math

import keras
import numpy as np
from keras import ops

from kzoo.layers import checks, kernels


@keras.saving.register_keras_serializable(package="kzoo")
class ALiBi(keras.layers.Layer):
    """Lower the score of a key in proportion to its distance from the query.

    ```
    bias[n, t, s] = -slope_n |t - s|,   slope_n = 2^(-8 n / N),   n = 1 ... N
    ```

    There are no weights. Where N is not a power of two the slopes are those of the
    power below it, and after them every other one of the power above.

    Args:
        num_heads: N.

    Call arguments:
        query_positions: (B, T) or (1, T) integers.
        key_positions: (B, S) or (1, S) integers.

    Returns:
        (B, N, T, S) float32, to be added to the scaled products.

    Raises:
        InputError: If `num_heads` is not positive.

    Example:
        >>> import numpy as np
        >>> bias = ALiBi(1)(np.array([[2]]), np.array([[0, 1, 2]]))
        >>> print(keras.ops.convert_to_numpy(bias)[0, 0, 0] * 256)
        [-2. -1. -0.]

    Reference:
        Press, Smith and Lewis 2021, arXiv:2108.12409, section 3.
    """

    def __init__(self, num_heads: int, **kwargs):
        super().__init__(**kwargs)
        checks.positive(num_heads=num_heads)
        self.num_heads = num_heads

    def build(self, input_shape):
        """Compute the slopes, (N,)."""
        whole = 2 ** math.floor(math.log2(self.num_heads))
        slopes = [2 ** (-8 * n / whole) for n in range(1, whole + 1)]
        extra = [2 ** (-8 * n / (2 * whole)) for n in range(1, 2 * whole + 1, 2)]
        slopes += extra[: self.num_heads - whole]
        self._slopes = np.array(slopes, "float32")[:, None, None]

    def call(self, query_positions, key_positions):
        """Return the bias, (B, N, T, S)."""
        distance = ops.abs(_distances(query_positions, key_positions))
        return (
            -ops.convert_to_tensor(self._slopes)
            * ops.cast(distance, "float32")[:, None]
        )

    def compute_output_shape(self, query_positions_shape, key_positions_shape):
        """Return (B, N, T, S)."""
        return _bias_shape(self.num_heads, query_positions_shape, key_positions_shape)

    def compute_output_spec(self, query_positions, key_positions):
        """Return shape and type of the bias."""
        shape = self.compute_output_shape(query_positions.shape, key_positions.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "num_heads": self.num_heads}


@keras.saving.register_keras_serializable(package="kzoo")
class RelativePositionBias(keras.layers.Layer):
    """Learn one bias per head for each distance, far distances together.

    ```
    bias[n, t, s] = table[bucket(s - t), n]
    ```

    Half of the buckets hold one distance each; the others hold ranges that grow
    logarithmically up to `max_distance`, and the last all that is farther.

    Args:
        num_heads: N.
        num_buckets: Rows of the table.
        max_distance: Where the last bucket begins.
        bidirectional: Whether keys behind the query have buckets of their own, as in
            an encoder. Otherwise they share the query's own bucket.
        embeddings_initializer: Of the table, (num_buckets, N).

    Call arguments:
        query_positions: (B, T) or (1, T) integers.
        key_positions: (B, S) or (1, S) integers.

    Returns:
        (B, N, T, S) float32, to be added to the products. T5 takes those unscaled:
        `MultiHeadAttention(..., scale=1.0)`.

    Raises:
        InputError: If a size is not positive.

    Example:
        >>> import numpy as np
        >>> bias = RelativePositionBias(3)(np.array([[0, 1]]), np.array([[0, 1, 2]]))
        >>> bias.shape == (1, 3, 2, 3)
        True

    Reference:
        Raffel et al. 2019, arXiv:1910.10683, section 2.1.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        num_buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        embeddings_initializer="uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(
            num_heads=num_heads, num_buckets=num_buckets, max_distance=max_distance
        )
        self.num_heads = num_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        """Create the table, (num_buckets, N)."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_buckets, self.num_heads),
            initializer=self.embeddings_initializer,
            autocast=False,
        )

    def call(self, query_positions, key_positions):
        """Return the bias, (B, N, T, S)."""
        distance = -_distances(query_positions, key_positions)  # key minus query
        rows = kernels.lookup(self.embeddings, self._buckets(distance))
        return ops.transpose(ops.cast(rows, "float32"), (0, 3, 1, 2))

    def _buckets(self, distance):
        buckets, start = self.num_buckets, 0
        if self.bidirectional:
            buckets //= 2
            start = ops.where(distance > 0, buckets, 0)
            distance = ops.abs(distance)
        else:
            distance = ops.maximum(-distance, 0)
        exact = buckets // 2
        ratio = ops.cast(ops.maximum(distance, 1), "float32") / exact
        spread = (buckets - exact) / math.log(self.max_distance / exact)
        far = exact + ops.cast(ops.log(ratio) * spread, "int32")
        far = ops.minimum(far, buckets - 1)
        return start + ops.where(distance < exact, distance, far)

    def compute_output_shape(self, query_positions_shape, key_positions_shape):
        """Return (B, N, T, S)."""
        return _bias_shape(self.num_heads, query_positions_shape, key_positions_shape)

    def compute_output_spec(self, query_positions, key_positions):
        """Return shape and type of the bias."""
        shape = self.compute_output_shape(query_positions.shape, key_positions.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_buckets": self.num_buckets,
            "max_distance": self.max_distance,
            "bidirectional": self.bidirectional,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


def _distances(query_positions, key_positions):
    """Return query position minus key position, (B, T, S) int32."""
    query_positions = ops.cast(query_positions, "int32")
    key_positions = ops.cast(key_positions, "int32")
    return query_positions[:, :, None] - key_positions[:, None, :]


def _bias_shape(num_heads, query_shape, key_shape):
    batch = query_shape[0] if key_shape[0] in (1, None) else key_shape[0]
    return (batch, num_heads, query_shape[1], key_shape[1])
