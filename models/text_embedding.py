"""From token ids to the vectors that the first encoder block reads."""

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import (
    Dropout,
    LayerNormalization,
    PositionEmbedding,
    SegmentEmbedding,
    SinePositionEncoding,
    TokenEmbedding,
    checks,
)

POSITIONS = ("learned", "sinusoidal", "none")


@keras.saving.register_keras_serializable(package="kzoo")
class TextEmbedding(keras.layers.Layer):
    """Sum the embeddings of token, position and segment.

    ```
    x = dropout(norm(token + position + segment))
    ```

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        max_sequence_length: The longest T.
        positions: `"learned"`, `"sinusoidal"` or `"none"`.
        position_padding_id: The id p of padding, where learned positions count the
            tokens that are another, as RoBERTa's do: the k-th of them has row p + k,
            padding row p. None: token t has row t.
        num_segments: Rows of the segment table; 0 for none.
        use_norm: Whether the sum is normalised (post-LN models).
        layer_norm_epsilon: Epsilon of that norm.
        dropout: Rate on the result, while training.
        word_dropout: Rate at which a whole token's vector is zeroed, while training.
        initializer_range: Standard deviation of the tables at the start.

    Call arguments:
        token_ids: (B, T) int32.
        segment_ids: (B, T) int32, or None for all zero.
        training: Whether dropout is on.

    Returns:
        (B, T, D).

    Raises:
        InputError: If a size, rate or name is not valid.
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        max_sequence_length: int,
        *,
        positions: str = "learned",
        position_padding_id: int | None = None,
        num_segments: int = 0,
        use_norm: bool = True,
        layer_norm_epsilon: float = 1e-12,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        initializer_range: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.one_of(POSITIONS, positions=positions)
        checks.rate(dropout=dropout, word_dropout=word_dropout)
        self._config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "max_sequence_length": max_sequence_length,
            "positions": positions,
            "position_padding_id": position_padding_id,
            "num_segments": num_segments,
            "use_norm": use_norm,
            "layer_norm_epsilon": layer_norm_epsilon,
            "dropout": dropout,
            "word_dropout": word_dropout,
            "initializer_range": initializer_range,
        }
        if position_padding_id is not None and positions != "learned":
            raise InputError(
                "Positions that count real tokens are learned.",
                f"position_padding_id={position_padding_id}, positions={positions!r}",
                "Pass positions='learned', or no position_padding_id.",
            )
        self.hidden_dim = hidden_dim
        self.position_padding_id = position_padding_id
        dtype = self.dtype_policy

        def initializer():
            return keras.initializers.TruncatedNormal(stddev=initializer_range)

        self.token = TokenEmbedding(
            vocabulary_size,
            hidden_dim,
            embeddings_initializer=initializer(),
            dtype=dtype,
            name="token",
        )
        self.position = None
        if positions == "learned":
            unused = 0 if position_padding_id is None else position_padding_id + 1
            self.position = PositionEmbedding(
                max_sequence_length + unused,
                embeddings_initializer=initializer(),
                dtype=dtype,
                name="position",
            )
        elif positions == "sinusoidal":
            self.position = SinePositionEncoding(
                max_sequence_length, dtype=dtype, name="position"
            )
        self.segment = num_segments and SegmentEmbedding(
            num_segments,
            hidden_dim,
            embeddings_initializer=initializer(),
            dtype=dtype,
            name="segment",
        )
        self.norm = use_norm and LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=dtype, name="norm"
        )
        self.output_dropout = Dropout(dropout, dtype=dtype)
        self.word_dropout = Dropout(
            # One draw per token: a whole vector goes, or stays at its size.
            word_dropout,
            noise_shape=(None, None, 1),
            dtype=dtype,
            name="word_dropout",
        )

    def build(self, token_ids_shape):
        """Build every table, and the norm."""
        ids_shape = tuple(token_ids_shape)
        output_shape = (*ids_shape, self.hidden_dim)
        self.token.build(ids_shape)
        for layer in (self.position, self.segment, self.norm):
            if layer:
                layer.build(output_shape)

    def call(self, token_ids, segment_ids=None, training=None):
        """Return the embedded tokens, (B, T, D)."""
        x = self.token(token_ids)
        x = self.word_dropout(x, training=training)
        if self.segment:
            x = x + self.segment(x, segment_ids=segment_ids)
        if self.position:
            x = x + self.position(x, **self._positions(token_ids))
        if self.norm:
            x = self.norm(x)
        return self.output_dropout(x, training=training)

    def _positions(self, token_ids):
        """Return the rows of the tokens, (B, T); nothing where they are 0 to T - 1."""
        if self.position_padding_id is None:
            return {}
        real = ops.cast(ops.not_equal(token_ids, self.position_padding_id), "int32")
        count = ops.cumsum(real, axis=1) * real
        return {"positions": count + self.position_padding_id}

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None):
        """Return (B, T, D)."""
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), **self._config}
