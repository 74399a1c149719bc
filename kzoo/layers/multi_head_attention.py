"""Multi-head attention."""

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks, kernels
from kzoo.layers.composed_initializers import parts_of
from kzoo.layers.dense import Dense
from kzoo.layers.dropout import Dropout
from kzoo.layers.heads import for_each_query_head, join_heads, split_heads
from kzoo.layers.key_value_cache import KeyValueCache
from kzoo.layers.masks import combine_masks


@keras.saving.register_keras_serializable(package="kzoo")
class MultiHeadAttention(keras.layers.Layer):
    """Let every position of the query read from every position of the value.

    ```
    head_n = softmax(scale Q_n K_n^T + bias + mask) V_n,   Q_n = x W_n^Q, ...
    output = concat(head_1, ..., head_N) W^O
    ```

    The softmax is taken in float32; a masked position has weight exactly zero. With
    fewer key and value heads than query heads neighbouring ones share one: K = N is
    multi-head, K = 1 multi-query, between them grouped-query attention.

    Args:
        num_heads: N, the number of heads (h in the paper).
        num_key_value_heads: K, a divisor of N; by default N.
        key_dim: H, the width of one head (d_k). By default D / N.
        fused: Project query, key and value by one kernel, (D, (N + 2 K) H), which is
            one matrix product where separate projections are three. Serves
            self-attention only.
        use_bias: Whether the projections have biases.
        dropout: Rate on the attention scores, while training.
        scale: Factor on the dot products; by default 1 / sqrt(H).
        soft_cap: c of c * tanh(x / c) on the scaled products, or None.
        window: How far a query sees: under a causal mask its own position and the
            `window - 1` before it, otherwise as many on either side. None for all.
        query_key_norm: A norm over H of every query and key head, or None; the keys
            get a copy of it.
        rotary: A `RotaryEmbedding` that turns queries and keys, or None.
        position_bias: An `ALiBi` or `RelativePositionBias`, or None.
        kernel_initializer: Of query, key and value; `Concatenated` has a part for each.
        output_initializer: Of the output projection; by default the same.

    Call arguments:
        query: (B, T, D).
        value: (B, S, D'); by default the query (self-attention).
        key: (B, S, D'); by default the value.
        padding_mask: (B, S) bool, True = real token: whom all may see.
        attention_mask: (B, T, S) bool, True = attend: who sees whom.
        segment_ids: (B, T) integers; tokens see those of their own segment.
        positions: (B, T) integers for `rotary`; by default 0 to T - 1.
        use_causal_mask: Position t sees positions 0 to t only.
        return_attention_scores: Return (output, scores) instead of the output.
        training: Whether dropout is on.

    Returns:
        (B, T, D); with `return_attention_scores` also the scores, (B, N, T, S). A
        query whose keys are all masked gets the mean of the values, never NaN.

    Raises:
        InputError: If a size is not positive, D not divisible by N without a
            `key_dim`, N not by K, or a fused layer is given a value or key.

    Example:
        >>> import numpy as np
        >>> x = np.ones((2, 5, 12), "float32")
        >>> MultiHeadAttention(3)(x, use_causal_mask=True).shape == (2, 5, 12)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2; Ainslie et al. 2023,
        arXiv:2305.13245, for shared heads; Beltagy et al. 2020, arXiv:2004.05150, for
        windows; Henry et al. 2020, arXiv:2010.04245, for normalised queries and keys.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        num_key_value_heads: int | None = None,
        key_dim: int | None = None,
        fused: bool = True,
        use_bias: bool = True,
        dropout: float = 0.0,
        scale: float | None = None,
        soft_cap: float | None = None,
        window: int | None = None,
        query_key_norm: keras.layers.Layer | None = None,
        rotary: keras.layers.Layer | None = None,
        position_bias: keras.layers.Layer | None = None,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.heads(num_heads, num_key_value_heads)
        checks.positive_or_none(key_dim=key_dim, window=window)
        checks.above_zero_or_none(soft_cap=soft_cap)
        checks.rate(dropout=dropout)
        self.num_heads = num_heads
        self.num_key_value_heads = num_key_value_heads or num_heads
        self.key_dim = key_dim
        self.fused = fused
        self.use_bias = use_bias
        self.dropout = dropout
        self.scale = scale
        self.soft_cap = soft_cap
        self.window = window
        self.query_key_norm = query_key_norm
        self.key_norm = None
        if query_key_norm is not None:
            config = {**query_key_norm.get_config(), "name": "key_norm"}
            self.key_norm = type(query_key_norm).from_config(config)
        self.rotary = rotary
        self.position_bias = position_bias
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
        self._scale = self._key_dim**-0.5 if self.scale is None else self.scale
        width = self.num_heads * self._key_dim
        shared = self.num_key_value_heads * self._key_dim
        if self.fused:
            both = width + 2 * shared
            self.query_key_value = self._projection("query_key_value", both)
            self.query_key_value.build(query_shape)
        else:
            parts = parts_of(self.kernel_initializer, 3)
            self.query = self._projection("query", width, parts[0])
            self.key = self._projection("key", shared, parts[1])
            self.value = self._projection("value", shared, parts[2])
            self.query.build(query_shape)
            self.key.build(key_shape)
            self.value.build(value_shape)
        self.output_projection = self._projection(
            "output_projection", hidden_dim, self.output_initializer
        )
        self.output_projection.build((*query_shape[:-1], width))
        self.score_dropout = Dropout(
            self.dropout, dtype=self.dtype_policy, name="score_dropout"
        )
        heads_shape = (None, None, self.num_heads, self._key_dim)
        for part in (self.query_key_norm, self.key_norm, self.rotary):
            if part is not None and not part.built:
                part.build(heads_shape)
        if self.position_bias is not None and not self.position_bias.built:
            self.position_bias.build((None, None))

    def _projection(self, name, units, initializer=None):
        initializer = initializer or self.kernel_initializer
        return Dense(
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
        segment_ids=None,
        positions=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        """Return the attended values, (B, T, D)."""
        others = value, key, padding_mask, attention_mask, segment_ids, self.window
        is_causal = use_causal_mask and all(other is None for other in others)
        query, key, value = self._project(query, value, key, positions)
        lengths = ops.shape(query)[1], ops.shape(key)[1]
        bias = self._bias(*lengths, lengths[1] - lengths[0])
        wants_scores = return_attention_scores or (training and self.dropout)
        if is_causal and not wants_scores:
            return self._attended(query, key, value, None, bias, is_causal=True)
        mask = combine_masks(
            query_length=lengths[0],
            key_length=lengths[1],
            padding_mask=padding_mask,
            attention_mask=attention_mask,
            segment_ids=segment_ids,
            use_causal_mask=use_causal_mask,
            window=self.window,
        )
        if not wants_scores:
            return self._attended(query, key, value, mask, bias)
        key, value = (for_each_query_head(x, self.num_heads) for x in (key, value))
        scores = kernels.attention_scores(
            query, key, mask, self._scale, bias, self.soft_cap
        )
        dropped = self.score_dropout(scores, training=training)
        mixed = kernels.attention_mix(dropped, value)
        output = self.output_projection(join_heads(mixed))
        return (output, scores) if return_attention_scores else output

    def call_with_cache(
        self,
        query,
        cache: KeyValueCache,
        *,
        cache_index=None,
        frozen: bool = False,
        padding_mask=None,
        attention_mask=None,
        positions=None,
    ):
        """Attend causally to what a cache holds and to the query; for inference.

        Args:
            query: (B, T, D), the next T tokens.
            cache: Of S columns.
            cache_index: The column of the first of them, an int or a scalar int32
                tensor, in a cache of fixed size; None lets the cache grow.
            frozen: Attend to all of the cache and leave it as it is: a
                cross-attention on what `make_cache` gave.
            padding_mask: (B, S') bool, True = real token, of the columns afterwards.
            attention_mask: (B, T, S') bool, True = attend.
            positions: (B, T) integers for `rotary`; by default the columns.

        Returns:
            (B, T, D), and the cache with the T tokens in it: S' columns.
        """
        length, before = ops.shape(query)[1], ops.shape(cache.key)[1]
        start = before if cache_index is None else cache_index
        if frozen:
            start = before - length
            query = self._normed(split_heads(self.query(query), self._key_dim))
        else:
            if positions is None:
                positions = (start + ops.arange(length))[None]
            query, *new = self._project(query, None, None, positions)
            cache = (
                cache.grown(*new)
                if cache_index is None
                else cache.written(*new, cache_index)
            )
        columns = ops.shape(cache.key)[1]
        mask = combine_masks(
            query_length=length,
            key_length=columns,
            padding_mask=padding_mask,
            attention_mask=attention_mask,
            use_causal_mask=not frozen,
            window=self.window,
            offset=start,
        )
        bias = self._bias(length, columns, start)
        return self._attended(query, *cache, mask, bias), cache

    def make_cache(self, value, key=None) -> KeyValueCache:
        """Return the keys and values of a cross-attention, computed once.

        Args:
            value: (B, S, D').
            key: (B, S, D'); by default the value.

        Returns:
            A cache of S columns.

        Raises:
            InputError: If the layer is fused.
        """
        self._refuse_fused()
        key = split_heads(self.key(value if key is None else key), self._key_dim)
        value = split_heads(self.value(value), self._key_dim)
        return KeyValueCache(self._normed(key, of_keys=True), value)

    def _attended(self, query, key, value, mask, bias, is_causal=False):
        mixed = kernels.attention(
            query,
            for_each_query_head(key, self.num_heads),
            for_each_query_head(value, self.num_heads),
            mask,
            self._scale,
            bias,
            self.soft_cap,
            is_causal,
        )
        return self.output_projection(join_heads(mixed))

    def _project(self, query, value, key, positions):
        """Return query (B, T, N, H), key and value (B, S, K, H)."""
        if self.fused:
            # Also where it is the query: whether it is, is lost in a type cast.
            if value is not None or key is not None:
                self._refuse_fused()
            width = self.num_heads * self._key_dim
            shared = self.num_key_value_heads * self._key_dim
            # By the number of parts where it will do: PyTorch's Keras sends places to
            # the GPU and reads them back, for which it waits.
            cuts = 3 if width == shared else [width, width + shared]
            projected = ops.split(self.query_key_value(query), cuts, axis=-1)
        else:
            value = query if value is None else value
            key = value if key is None else key
            projected = self.query(query), self.key(key), self.value(value)
        query, key, value = (split_heads(x, self._key_dim) for x in projected)
        query, key = self._normed(query), self._normed(key, of_keys=True)
        if self.rotary is not None:
            query = self.rotary(query, positions=positions)
            key = self.rotary(key, positions=positions)
        # A norm or rotary layer that was given may have a policy of its own.
        dtype = self.compute_dtype
        return ops.cast(query, dtype), ops.cast(key, dtype), value

    def _normed(self, x, of_keys=False):
        norm = self.key_norm if of_keys else self.query_key_norm
        return x if norm is None else norm(x)

    def _refuse_fused(self):
        if self.fused:
            raise InputError(
                "A fused projection serves self-attention only.",
                "value or key beside the query",
                "Leave them out, or build the layer with fused=False.",
            )

    def _bias(self, query_length, key_length, offset):
        """Return what the layer of positions adds to the scores, or None."""
        if self.position_bias is None:
            return None
        return self.position_bias(
            (ops.arange(query_length) + offset)[None], ops.arange(key_length)[None]
        )

    def compute_output_shape(self, query_shape, *others_shape, **kwargs):
        """Return the shape of the query."""
        return query_shape

    def compute_output_spec(
        self, query, value=None, key=None, return_attention_scores=False, **kwargs
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
        serialize = keras.saving.serialize_keras_object
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "key_dim": self.key_dim,
            "fused": self.fused,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "scale": self.scale,
            "soft_cap": self.soft_cap,
            "window": self.window,
            "query_key_norm": self.query_key_norm and serialize(self.query_key_norm),
            "rotary": self.rotary and serialize(self.rotary),
            "position_bias": self.position_bias and serialize(self.position_bias),
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
        }

    @classmethod
    def from_config(cls, config):
        """Return the layer of a config."""
        config = dict(config)
        for name in ("query_key_norm", "rotary", "position_bias"):
            config[name] = keras.saving.deserialize_keras_object(config.get(name))
        return cls(**config)
