"""Token embeddings."""

import keras
from keras import ops

from kzoo.layers import checks, kernels


@keras.saving.register_keras_serializable(package="kzoo")
class TokenEmbedding(keras.layers.Layer):
    """Look up one learned vector per token id, and project back by the same table.

    ```
    x = scale * E[token_ids],        logits = h E^T
    ```

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        scale: Factor on the vectors; sqrt(D) in the 2017 Transformer.
        embeddings_initializer: Of E, (V, D).

    Call arguments:
        token_ids: (B, T) integers of [0, V).
        reverse: If True the input is (B, T, D) and the result the logits (B, T, V).
        training: Whether gradients will be asked for, which are then added up in
            float32.

    Returns:
        (B, T, D), or the logits (B, T, V).

    Raises:
        InputError: If a size is not positive.

    Example:
        >>> import numpy as np
        >>> embed = TokenEmbedding(11, 4)
        >>> embed(np.array([[1, 2, 3]])).shape == (1, 3, 4)
        True

    Reference:
        Press and Wolf 2017, arXiv:1608.05859, for the tied reverse projection.
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        *,
        scale: float = 1.0,
        embeddings_initializer="uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(vocabulary_size=vocabulary_size, hidden_dim=hidden_dim)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.scale = scale
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        """Create E, (V, D)."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.hidden_dim),
            initializer=self.embeddings_initializer,
            autocast=False,  # a cast of the table would be all of it each step
        )

    def call(self, token_ids, reverse=False, training=None):
        """Return the vectors (B, T, D), or of vectors the logits (B, T, V)."""
        if reverse:
            turned = ops.transpose(ops.convert_to_tensor(self.embeddings))
            return kernels.product(token_ids, turned, training=training)
        x = kernels.lookup(self.embeddings, ops.cast(token_ids, "int32"))
        x = ops.cast(x, self.compute_dtype)
        return x if self.scale == 1.0 else x * self.scale

    def compute_output_shape(self, token_ids_shape):
        """Return (B, T, D)."""
        return (*token_ids_shape, self.hidden_dim)

    def compute_output_spec(self, token_ids, reverse=False, training=None):
        """Return shape and type of (B, T, D), or in reverse of (B, T, V)."""
        shape = self.compute_output_shape(token_ids.shape)
        if reverse:
            shape = (*token_ids.shape[:-1], self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "scale": self.scale,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


@keras.saving.register_keras_serializable(package="kzoo")
class SegmentEmbedding(keras.layers.Layer):
    """Look up one learned vector per segment: the first text, the second text.

    Args:
        num_segments: How many segments there are (BERT's `type_vocab_size`).
        hidden_dim: D.
        embeddings_initializer: Of the table, (segments, D).

    Call arguments:
        inputs: (B, T, D), of which only the shape is used where ids are left out.
        segment_ids: (B, T) integers of [0, num_segments), or None for all zero.
        training: Whether gradients will be asked for, which are then added up in
            float32.

    Returns:
        (B, T, D), or (1, 1, D) where the ids are left out: to be added. While it
        trains in mixed precision always (B, T, D).

    Raises:
        InputError: If a size is not positive.

    Example:
        >>> import numpy as np
        >>> embed = SegmentEmbedding(2, 4)
        >>> embed(np.zeros((1, 3, 4)), np.array([[0, 0, 1]])).shape == (1, 3, 4)
        True

    Reference:
        Devlin et al. 2018, arXiv:1810.04805, section 3.
    """

    def __init__(
        self,
        num_segments: int,
        hidden_dim: int,
        *,
        embeddings_initializer="uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(num_segments=num_segments, hidden_dim=hidden_dim)
        self.num_segments = num_segments
        self.hidden_dim = hidden_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        """Create the table, (segments, D)."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_segments, self.hidden_dim),
            initializer=self.embeddings_initializer,
            autocast=False,
        )

    def call(self, inputs, segment_ids=None, training=None):
        """Return the segments' vectors, (B, T, D) or (1, 1, D)."""
        if segment_ids is None:
            rows = self.embeddings[:1][None]
            return kernels.repeated(rows, inputs, self.compute_dtype, training)
        x = kernels.lookup(self.embeddings, ops.cast(segment_ids, "int32"))
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, inputs_shape, segment_ids_shape=None):
        """Return (B, T, D), or (1, 1, D) where the ids are left out."""
        if segment_ids_shape is None:
            return (1, 1, self.hidden_dim)
        return (*segment_ids_shape, self.hidden_dim)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "hidden_dim": self.hidden_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }
