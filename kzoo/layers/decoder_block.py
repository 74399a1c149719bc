"""The Transformer's decoder block."""

from typing import Any, NamedTuple

import keras

from kzoo.errors import InputError
from kzoo.layers import activations
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.key_value_cache import KeyValueCache
from kzoo.layers.multi_head_attention import MultiHeadAttention
from kzoo.layers.residual_sublayer import ResidualSublayer


class DecoderCache(NamedTuple):
    """What a decoder block keeps between the tokens.

    Args:
        self_attention: The `KeyValueCache` of the tokens so far.
        cross_attention: That of the encoder's outputs, computed once, or ().
    """

    self_attention: KeyValueCache
    cross_attention: Any = ()


@keras.saving.register_keras_serializable(package="kzoo")
class DecoderBlock(keras.layers.Layer):
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
        layer_norm_epsilon: Epsilon of the norms.
        fused: Whether one kernel projects query, key and value in self-attention.
        use_bias: Whether projections and dense layers have biases.
        kernel_initializer: Of all kernels but the next.
        output_initializer: Of the kernels whose output is added to the skip
            connection; by default the same. GPT-2 scales them by depth.
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
        norm_placement: str = "pre",
        activation="gelu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        fused: bool = True,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        self_attention: keras.layers.Layer | None = None,
        feed_forward: keras.layers.Layer | None = None,
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
        self.output_initializer = keras.initializers.get(output_initializer)
        self._given = {"self_attention": self_attention, "feed_forward": feed_forward}
        self.supports_masking = True
        self.attention = self._residual(
            "attention", self_attention or self._attention("self_attention", fused)
        )
        self.cross_attention = None
        if cross_attention:
            self.cross_attention = self._residual(
                "cross_attention", self._attention("encoder_attention", fused=False)
            )
        network = feed_forward or FeedForward(
            intermediate_dim,
            activation=self.activation,
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer,
            output_initializer=self.output_initializer,
            dtype=self.dtype_policy,
            name="feed_forward_network",
        )
        self.feed_forward = self._residual("feed_forward", network)

    def _attention(self, name, fused):
        return MultiHeadAttention(
            self.num_heads,
            fused=fused,
            use_bias=self.use_bias,
            dropout=self.attention_dropout,
            kernel_initializer=self.kernel_initializer,
            output_initializer=self.output_initializer,
            dtype=self.dtype_policy,
            name=name,
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
            inputs: (B, T, D), the next T tokens.
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
            x, _ = self.cross_attention.call_with_cache(
                x,
                cache.cross_attention,
                frozen=True,
                padding_mask=encoder_padding_mask,
            )
        return self.feed_forward(x), cache._replace(self_attention=tokens)

    def compute_output_shape(self, inputs_shape, **kwargs):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize
        parts = {
            name: layer and keras.saving.serialize_keras_object(layer)
            for name, layer in self._given.items()
        }
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "cross_attention": self.cross_attention is not None,
            "norm_placement": self.norm_placement,
            "activation": activations.serialize(self.activation),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "fused": self.fused,
            "use_bias": self.use_bias,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
            **parts,
        }

    @classmethod
    def from_config(cls, config):
        """Return the block of a config."""
        config = dict(config)
        for name in ("self_attention", "feed_forward"):
            config[name] = keras.saving.deserialize_keras_object(config.get(name))
        return cls(**config)
