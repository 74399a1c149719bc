"""Embeddings of token n-grams by hashing."""

import keras
from keras import ops

from kzoo.layers import checks
from kzoo.layers.dense import Dense
from kzoo.layers.ngram_hashing import check_ngrams, ngram_buckets


@keras.saving.register_keras_serializable(package="kzoo")
class NgramEmbedding(keras.layers.Layer):
    """Give each position the summed vectors of the n-grams that end there.

    ```
    hash_1 = id_t,   hash_n(t) = (hash_(n-1)(t - 1) * 1021 + id_t) mod buckets
    y_t = sum_n E_n[hash_n(t)] W
    ```

    An n-gram that would begin before the sequence, or contains padding, counts as
    zero. All arithmetic fits int32, so every backend and every exported graph finds
    the same buckets.

    Args:
        sizes: The n-gram lengths, such as (2, 3).
        num_buckets: Rows of the table of each length; a prime spreads best.
        ngram_dim: Width of the tables; None for D. A smaller one is projected to D.
        hidden_dim: D.
        embeddings_initializer: Of the tables, (num_buckets, ngram_dim).

    Call arguments:
        token_ids: (B, T) integers.
        padding_mask: (B, T) bool, True = real token, or None for all real.

    Returns:
        (B, T, D): to be added to the token embedding.

    Raises:
        InputError: If a size is below 2 or comes twice, the buckets exceed 2**21, or
            a width is not positive.

    Example:
        >>> import numpy as np
        >>> embed = NgramEmbedding((2, 3), num_buckets=101, hidden_dim=8)
        >>> embed(np.array([[5, 6, 7]])).shape == (1, 3, 8)
        True

    Reference:
        Joulin et al. 2016, arXiv:1607.01759, section 2 (bag of hashed n-grams).
    """

    def __init__(
        self,
        sizes,
        *,
        num_buckets: int,
        hidden_dim: int,
        ngram_dim: int | None = None,
        embeddings_initializer="uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)
        checks.positive(hidden_dim=hidden_dim)
        check_ngrams(self.sizes, num_buckets, least=2)
        if ngram_dim is not None:
            checks.positive(ngram_dim=ngram_dim)
        self.num_buckets = num_buckets
        self.hidden_dim = hidden_dim
        self.ngram_dim = ngram_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        """Create a table for each length, and the projection if there is one."""
        width = self.ngram_dim or self.hidden_dim
        self.tables = [
            self.add_weight(
                name=f"table_{size}",
                shape=(self.num_buckets, width),
                initializer=self.embeddings_initializer.clone(),
                autocast=False,  # a cast of the table would be all of it each step
            )
            for size in self.sizes
        ]
        self.projection = None
        if self.ngram_dim:
            self.projection = Dense(
                self.hidden_dim,
                use_bias=False,
                dtype=self.dtype_policy,
                name="projection",
            )
            self.projection.build((*input_shape, width))

    def call(self, token_ids, padding_mask=None):
        """Return the n-grams' vectors, (B, T, D)."""
        total, tables = 0.0, dict(zip(self.sizes, self.tables, strict=True))
        for size, buckets, whole in ngram_buckets(
            token_ids, padding_mask, self.sizes, self.num_buckets
        ):
            rows = ops.take(tables[size], buckets, axis=0)  # (B, T, width)
            weight = ops.cast(whole, self.compute_dtype)[:, :, None]
            total = total + ops.cast(rows, self.compute_dtype) * weight
        return total if self.projection is None else self.projection(total)

    def compute_output_shape(self, token_ids_shape, padding_mask_shape=None):
        """Return (B, T, D)."""
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "sizes": self.sizes,
            "num_buckets": self.num_buckets,
            "hidden_dim": self.hidden_dim,
            "ngram_dim": self.ngram_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }
