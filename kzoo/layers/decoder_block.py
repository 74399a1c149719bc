"""The Transformer's decoder block."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kzoo.errors import InputError
from kzoo.layers.key_value_cache import KeyValueCache
from kzoo.layers.transformer_block import TransformerBlock


class DecoderCache(NamedTuple):
    """What a decoder block keeps between the tokens.

    Args:
        self_attention: The `KeyValueCache` of the tokens so far.
        cross_attention: That of the encoder's outputs, computed once, or ().
    """

    self_attention: KeyValueCache
    cross_attention: Any = ()

    def with_rows(self, rows) -> "DecoderCache":
        """Return the cache in which text i goes on from what is text `rows[i]` now.

        What is of the encoder stays: texts change places among those of one source.

        Args:
            rows: (B',) int32.
        """
        return self._replace(self_attention=self.self_attention.with_rows(rows))

    def widened(self, columns: int) -> "DecoderCache":
        """Return the cache with so many more columns for tokens to come."""
        return self._replace(self_attention=self.self_attention.widened(columns))


@keras.saving.register_keras_serializable(package="kzoo")
class DecoderBlock(TransformerBlock):
    """Causal self-attention, cross-attention if wanted, and a feed-forward network.

    Each stands in a `ResidualSublayer`. Without cross-attention it is a block of
    GPT-2, with it one of the 2017 Transformer's decoder.

    Args:
        num_heads: N, the number of attention heads.
        intermediate_dim: F, the feed-forward network's inner width.
        cross_attention: Whether to attend to an encoder's outputs too.
        norm_placement: `"pre"`, `"post"` or another of `ResidualSublayer`'s.
        activation: Of the feed-forward network.
        dropout: Rate on the output of every sublayer, while training.
        attention_dropout: Rate on the attention scores, while training.
        activation_dropout: Rate inside the feed-forward network, while training.
        layer_norm_epsilon: Epsilon of the norms.
        fused: Whether one kernel projects query, key and value in self-attention.
        use_bias: Whether projections and dense layers have biases.
        kernel_initializer: Of all kernels but the next.
        output_initializer: Of the kernels whose output is added to the skip
            connection; by default the same. GPT-2 scales them by depth.
        residual: More of `ResidualSublayer`'s options, for every connection: `norm`,
            `skip_scale`, `branch_scale`, `drop_path`, by name or number.
        self_attention: A `MultiHeadAttention` in the place of the usual one, for
            shared heads, windows or rotary positions.
        feed_forward: A layer in the place of the usual `FeedForward`.

    Call arguments:
        inputs: (B, T, D).
        encoder_outputs: (B, S, D'), where there is cross-attention.
        padding_mask: (B, T) bool, True = real token.
        encoder_padding_mask: (B, S) bool, True = real token.
        segment_ids: (B, T) integers; tokens see those of their own segment only.
        positions: (B, T) integers for rotary positions.
        training: Whether dropout is on.

    Returns:
        (B, T, D).

    Raises:
        InputError: If a size, rate or placement is not valid, or encoder outputs are
            missing.

    Example:
        >>> import numpy as np
        >>> block = DecoderBlock(2, 16)
        >>> block(np.ones((2, 5, 8), "float32")).shape == (2, 5, 8)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.1; Radford et al. 2019,
        "Language Models are Unsupervised Multitask Learners", section 2.3.
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        *,
        cross_attention: bool = False,
        **kwargs,
    ):
        super().__init__(num_heads, intermediate_dim, **kwargs)
        sublayers = self._outer_sublayers()
        self.attention = sublayers["attention"]
        self.cross_attention = None
        if cross_attention:
            self.cross_attention = self._residual(
                "cross_attention", self._attention("encoder_attention", fused=False)
            )
        self.feed_forward = sublayers["feed_forward"]

    def build(self, inputs_shape, encoder_outputs_shape=None):
        """Build every sublayer."""
        self.attention.build(inputs_shape)
        if self.cross_attention is not None:
            self.cross_attention.build(
                inputs_shape, encoder_outputs_shape or inputs_shape
            )
        self.feed_forward.build(inputs_shape)

    def call(
        self,
        inputs,
        encoder_outputs=None,
        padding_mask=None,
        encoder_padding_mask=None,
        segment_ids=None,
        positions=None,
        training=None,
    ):
        """Return the decoded inputs, (B, T, D)."""
        optional = {"segment_ids": segment_ids, "positions": positions}
        optional = {name: x for name, x in optional.items() if x is not None}
        x = self.attention(
            inputs,
            padding_mask=padding_mask,
            use_causal_mask=True,
            training=training,
            **optional,
        )
        if self.cross_attention is not None:
            if encoder_outputs is None:
                raise InputError(
                    "Cross-attention reads an encoder's outputs.",
                    "encoder_outputs=None",
                    "Pass them, or build the block without cross_attention.",
                )
            x = self.cross_attention(
                x,
                value=encoder_outputs,
                padding_mask=encoder_padding_mask,
                training=training,
            )
        return self.feed_forward(x, training=training)

    def attention_scores(
        self, inputs, encoder_outputs=None, padding_mask=None, encoder_padding_mask=None
    ):
        """Return the scores of this block's attentions on its inputs.

        Args:
            inputs: (B, T, D), what the block is called with.
            encoder_outputs: (B, S, D'), where there is cross-attention.
            padding_mask: (B, T) bool, True = real token.
            encoder_padding_mask: (B, S) bool, True = real token.

        Returns:
            Those of self-attention (B, N, T, T), and of cross-attention (B, N, T, S)
            or None.
        """
        _, own = self.attention.sublayer(
            self.attention.sublayer_input(inputs),
            padding_mask=padding_mask,
            use_causal_mask=True,
            return_attention_scores=True,
        )
        if self.cross_attention is None:
            return own, None
        x = self.attention(inputs, padding_mask=padding_mask, use_causal_mask=True)
        _, cross = self.cross_attention.sublayer(
            self.cross_attention.sublayer_input(x),
            value=encoder_outputs,
            padding_mask=encoder_padding_mask,
            return_attention_scores=True,
        )
        return own, cross

    def make_cache(self, self_attention: KeyValueCache, encoder_outputs=None):
        """Return the block's cache: of tokens to come, and of an encoder's outputs.

        Args:
            self_attention: An empty cache, of length 0 or of a fixed size.
            encoder_outputs: (B, S, D'), where there is cross-attention.

        Returns:
            A `DecoderCache`.
        """
        if self.cross_attention is None:
            return DecoderCache(self_attention)
        attention = self.cross_attention.sublayer
        return DecoderCache(self_attention, attention.make_cache(encoder_outputs))

    def call_with_cache(
        self,
        inputs,
        cache: DecoderCache,
        *,
        cache_index=None,
        padding_mask=None,
        encoder_padding_mask=None,
        positions=None,
    ):
        """Decode the next tokens, with what the cache holds; for inference.

        Args:
            inputs: (B, T, D), the next T tokens; B may be a multiple of the number
                of encoder outputs, k texts one after the other for each.
            cache: What `make_cache` or the call before this one gave.
            cache_index: The column of the first of them in a cache of fixed size;
                None lets the cache grow.
            padding_mask: (B, S') bool, True = real token, of the columns afterwards.
            encoder_padding_mask: (B, S) bool, True = real token.
            positions: (B, T) integers for rotary positions.

        Returns:
            (B, T, D), and the new cache.
        """
        x, tokens = self.attention.call_with_cache(
            inputs,
            cache.self_attention,
            cache_index=cache_index,
            padding_mask=padding_mask,
            positions=positions,
        )
        if self.cross_attention is not None:
            shape, sources = ops.shape(x), ops.shape(cache.cross_attention.key)[0]
            # The k texts of a source stand side by side as if they were one of k T
            # tokens: in this attention none sees another.
            x, _ = self.cross_attention.call_with_cache(
                ops.reshape(x, (sources, -1, shape[-1])),
                cache.cross_attention,
                frozen=True,
                padding_mask=encoder_padding_mask,
            )
            x = ops.reshape(x, shape)
        return self.feed_forward(x), cache._replace(self_attention=tokens)

    def compute_output_shape(self, inputs_shape, **kwargs):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "cross_attention": self.cross_attention is not None,
        }
