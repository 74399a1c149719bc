"""The Transformer's encoder block."""

import keras

from kzoo.layers import activations
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.multi_head_attention import MultiHeadAttention
from kzoo.layers.residual_sublayer import ResidualSublayer


@keras.saving.register_keras_serializable(package="kzoo")
class EncoderBlock(keras.layers.Layer):
    """Self-attention and a feed-forward network, each in a `ResidualSublayer`.

    Args:
        num_heads: N, the number of attention heads.
        intermediate_dim: F, the feed-forward network's inner width.
        norm_placement: `"pre"`, `"post"` or `"none"`; see `ResidualSublayer`.
        activation: Of the feed-forward network.
        dropout: Rate on the output of both sublayers, while training.
        attention_dropout: Rate on the attention scores, while training.
        layer_norm_epsilon: Epsilon of both norms.
        fused: Whether one kernel projects query, key and value.
        use_bias: Whether projections and dense layers have biases.
        kernel_initializer: Of all kernels.

    Call arguments:
        inputs: (B, T, D).
        padding_mask: (B, T) bool, True = real token.
        attention_mask: (B, T, T) bool, True = attend.
        use_causal_mask: Position t sees positions 0 to t only.
        training: Whether dropout is on.

    Returns:
        (B, T, D). `attention_scores(...)` gives the scores, (B, N, T, T).

    Raises:
        InputError: If a size, rate or placement is not valid.

    Example:
        >>> import numpy as np
        >>> block = EncoderBlock(2, 16)
        >>> block(np.ones((2, 5, 8), "float32")).shape == (2, 5, 8)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        *,
        norm_placement: str = "pre",
        activation="gelu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        fused: bool = True,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.norm_placement = norm_placement
        self.activation = activations.get(activation)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.fused = fused
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True
        self.attention = self._residual(
            "attention",
            MultiHeadAttention(
                num_heads,
                fused=fused,
                use_bias=use_bias,
                dropout=attention_dropout,
                kernel_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name="self_attention",
            ),
        )
        self.feed_forward = self._residual(
            "feed_forward",
            FeedForward(
                intermediate_dim,
                activation=self.activation,
                use_bias=use_bias,
                kernel_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name="feed_forward_network",
            ),
        )

    def _residual(self, name, sublayer):
        return ResidualSublayer(
            sublayer,
            norm_placement=self.norm_placement,
            dropout=self.dropout,
            layer_norm_epsilon=self.layer_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        """Build both sublayers."""
        self.attention.build(input_shape)
        self.feed_forward.build(input_shape)

    def call(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        training=None,
    ):
        """Return the encoded inputs, (B, T, D)."""
        x = self.attention(
            inputs,
            padding_mask=padding_mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
            training=training,
        )
        return self.feed_forward(x, training=training)

    def attention_scores(
        self, inputs, padding_mask=None, attention_mask=None, use_causal_mask=False
    ):
        """Return the scores of this block's attention on its inputs.

        Args:
            inputs: (B, T, D), what the block is called with.
            padding_mask: (B, T) bool, True = real token.
            attention_mask: (B, T, T) bool, True = attend.
            use_causal_mask: Position t sees positions 0 to t only.

        Returns:
            (B, N, T, T), rows summing to one.
        """
        _, scores = self.attention.sublayer(
            self.attention.sublayer_input(inputs),
            padding_mask=padding_mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
            return_attention_scores=True,
        )
        return scores

    def compute_output_shape(
        self, inputs_shape, padding_mask_shape=None, attention_mask_shape=None
    ):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "norm_placement": self.norm_placement,
            "activation": activations.serialize(self.activation),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "fused": self.fused,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
