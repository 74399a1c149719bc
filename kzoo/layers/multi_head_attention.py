"""Multi-head attention."""

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks, kernels
from kzoo.layers.masks import combine_masks


@keras.saving.register_keras_serializable(package="kzoo")
class MultiHeadAttention(keras.layers.Layer):
    """Let every position of the query read from every position of the value.

    ```
    head_n = softmax(Q_n K_n^T / sqrt(H) + mask) V_n,   Q_n = x W_n^Q, ...
    output = concat(head_1, ..., head_N) W^O
    ```

    The softmax is taken in float32. A masked position has weight exactly zero.

    Args:
        num_heads: N, the number of heads (h in the paper).
        key_dim: H, the width of one head (d_k). By default D / N.
        fused: Project query, key and value by one kernel, (D, 3 N H), which is one
            matrix product where separate projections are three. Serves
            self-attention only.
        use_bias: Whether the projections have biases.
        dropout: Rate on the attention scores, while training.
        kernel_initializer: Of the query, key and value projections.
        output_initializer: Of the output projection; by default the same.

    Call arguments:
        query: (B, T, D).
        value: (B, S, D'); by default the query (self-attention).
        key: (B, S, D'); by default the value.
        padding_mask: (B, S) bool, True = real token: whom all may see.
        attention_mask: (B, T, S) bool, True = attend: who sees whom.
        use_causal_mask: Position t sees positions 0 to t only.
        return_attention_scores: Return (output, scores) instead of the output.
        training: Whether dropout is on.

    Returns:
        (B, T, D); with `return_attention_scores` also the scores, (B, N, T, S).
        A query whose keys are all masked gets the mean of the values, never NaN.

    Raises:
        InputError: If a size is not positive, D is not divisible by N while
            `key_dim` is left out, or a fused layer is given a value or key.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 5, 12), "float32")
        >>> MultiHeadAttention(3)(x, use_causal_mask=True).shape == (2, 5, 12)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        key_dim: int | None = None,
        fused: bool = True,
        use_bias: bool = True,
        dropout: float = 0.0,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(num_heads=num_heads)
        if key_dim is not None:
            checks.positive(key_dim=key_dim)
        checks.rate(dropout=dropout)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.fused = fused
        self.use_bias = use_bias
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)

    def build(self, query_shape, value_shape=None, key_shape=None):
        """Create the projections and the dropout."""
        hidden_dim = query_shape[-1]
        if self.key_dim is None and hidden_dim % self.num_heads:
            raise InputError(
                "The width is shared out evenly among the heads.",
                f"hidden_dim={hidden_dim}, num_heads={self.num_heads}",
                "Choose num_heads that divides it, or pass key_dim.",
            )
        value_shape = value_shape or query_shape
        key_shape = key_shape or value_shape
        self._key_dim = self.key_dim or hidden_dim // self.num_heads
        width = self.num_heads * self._key_dim
        if self.fused:
            self.query_key_value = self._projection("query_key_value", 3 * width)
            self.query_key_value.build(query_shape)
        else:
            self.query = self._projection("query", width)
            self.key = self._projection("key", width)
            self.value = self._projection("value", width)
            self.query.build(query_shape)
            self.key.build(key_shape)
            self.value.build(value_shape)
        self.output_projection = self._projection(
            "output_projection",
            hidden_dim,
            self.output_initializer or self.kernel_initializer,
        )
        self.output_projection.build((*query_shape[:-1], width))
        self.score_dropout = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="score_dropout"
        )

    def _projection(self, name, units, initializer=None):
        initializer = initializer or self.kernel_initializer
        return keras.layers.Dense(
            units,
            use_bias=self.use_bias,
            # A copy: one initializer object draws the same values every time.
            kernel_initializer=initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(
        self,
        query,
        value=None,
        key=None,
        padding_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        """Return the attended values, (B, T, D)."""
        query, key, value = self._project(query, value, key)
        mask = combine_masks(
            query_length=ops.shape(query)[1],
            key_length=ops.shape(key)[1],
            padding_mask=padding_mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
        )
        scores = kernels.attention_scores(query, key, mask, self._key_dim**-0.5)
        dropped = self.score_dropout(scores, training=training)
        mixed = kernels.attention_mix(dropped, value)
        output = self.output_projection(self._join_heads(mixed))
        if return_attention_scores:
            return output, scores
        return output

    def _project(self, query, value, key):
        """Return query, key and value, each (B, T or S, N, H)."""
        if self.fused:
            # Also where it is the query: whether it is, is lost in a type cast.
            if value is not None or key is not None:
                raise InputError(
                    "A fused projection serves self-attention only.",
                    "value or key beside the query",
                    "Leave them out, or build the layer with fused=False.",
                )
            projected = ops.split(self.query_key_value(query), 3, axis=-1)
        else:
            value = query if value is None else value
            key = value if key is None else key
            projected = self.query(query), self.key(key), self.value(value)
        return tuple(self._split_heads(x) for x in projected)

    def _split_heads(self, x):
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        return ops.reshape(x, (batch, length, self.num_heads, self._key_dim))

    def _join_heads(self, x):
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        return ops.reshape(x, (batch, length, self.num_heads * self._key_dim))

    def compute_output_shape(
        self, query_shape, value_shape=None, key_shape=None, **kwargs
    ):
        """Return the shape of the query."""
        return query_shape

    def compute_output_spec(
        self,
        query,
        value=None,
        key=None,
        padding_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        """Return shape and type of the output; with scores, of both."""
        output = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        value = query if value is None else value
        key = value if key is None else key
        batch, length = query.shape[:2]
        shape = (batch, self.num_heads, length, key.shape[1])
        return output, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "fused": self.fused,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
        }
