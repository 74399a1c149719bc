"""The Transformer's encoder block."""

import keras

from kzoo.layers.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="kzoo")
class EncoderBlock(TransformerBlock):
    """Self-attention and a feed-forward network, each in a `ResidualSublayer`.

    Args:
        num_heads: N, the number of attention heads.
        intermediate_dim: F, the feed-forward network's inner width.
        norm_placement: `"pre"`, `"post"` or another of `ResidualSublayer`'s.
        activation: Of the feed-forward network.
        dropout: Rate on the output of both sublayers, while training.
        attention_dropout: Rate on the attention scores, while training.
        activation_dropout: Rate inside the feed-forward network, while training.
        layer_norm_epsilon: Epsilon of the norms.
        fused: Whether one kernel projects query, key and value.
        use_bias: Whether projections and dense layers have biases.
        kernel_initializer: Of all kernels but the next.
        output_initializer: Of the kernels whose output is added to the skip
            connection; by default the same.
        residual: More of `ResidualSublayer`'s options, for both connections: `norm`,
            `skip_scale`, `branch_scale`, `drop_path`, by name or number.
        self_attention: A `MultiHeadAttention` in the place of the usual one.
        feed_forward: A layer in the place of the usual `FeedForward`.

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

    def __init__(self, num_heads: int, intermediate_dim: int, **kwargs):
        super().__init__(num_heads, intermediate_dim, **kwargs)
        sublayers = self._outer_sublayers()
        self.attention = sublayers["attention"]
        self.feed_forward = sublayers["feed_forward"]

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
