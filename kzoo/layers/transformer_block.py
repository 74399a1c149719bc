"""What the Transformer's encoder block and decoder block have in common."""

import keras

from kzoo.errors import InputError
from kzoo.layers import activations, checks
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.multi_head_attention import MultiHeadAttention
from kzoo.layers.residual_sublayer import ResidualSublayer

# What every residual connection of a block may be given; plain values alone, because
# each gets its own.
RESIDUAL_OPTIONS = ("norm", "skip_scale", "branch_scale", "drop_path")


class TransformerBlock(keras.layers.Layer):
    """The abstract base: sizes and options, and the parts made of them.

    A subclass makes its sublayers with `_attention`, `_residual` and
    `_feed_forward`, and keeps the first under `attention`, the last under
    `feed_forward`. See `EncoderBlock` for the arguments.
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
        activation_dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        fused: bool = True,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        residual: dict | None = None,
        self_attention: keras.layers.Layer | None = None,
        feed_forward: keras.layers.Layer | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.rate(activation_dropout=activation_dropout)
        self.num_heads = num_heads
        self.intermediate_dim = intermediate_dim
        self.norm_placement = norm_placement
        self.activation = activations.get(activation)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation_dropout = activation_dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.fused = fused
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.residual = _checked(residual)
        self._given = {"self_attention": self_attention, "feed_forward": feed_forward}
        self.supports_masking = True

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

    def _feed_forward(self, name):
        return FeedForward(
            self.intermediate_dim,
            activation=self.activation,
            dropout=self.activation_dropout,
            use_bias=self.use_bias,
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
            **self.residual,
        )

    def _outer_sublayers(self) -> dict:
        """Return the residual self-attention and feed-forward network."""
        attention = self._given["self_attention"]
        network = self._given["feed_forward"]
        return {
            "attention": self._residual(
                "attention", attention or self._attention("self_attention", self.fused)
            ),
            "feed_forward": self._residual(
                "feed_forward", network or self._feed_forward("feed_forward_network")
            ),
        }

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
            "norm_placement": self.norm_placement,
            "activation": activations.serialize(self.activation),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation_dropout": self.activation_dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "fused": self.fused,
            "use_bias": self.use_bias,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
            "residual": dict(self.residual),
            **parts,
        }

    @classmethod
    def from_config(cls, config):
        """Return the block of a config."""
        config = dict(config)
        for name in ("self_attention", "feed_forward"):
            config[name] = keras.saving.deserialize_keras_object(config.get(name))
        return cls(**config)


def _checked(residual: dict | None) -> dict:
    """Return the options of residual connections.

    Raises:
        InputError: If one is unknown, or a layer, which two connections cannot share.
    """
    residual = dict(residual or {})
    checks.one_of(RESIDUAL_OPTIONS, **{f"residual {name}": name for name in residual})
    shared = [n for n, x in residual.items() if isinstance(x, keras.layers.Layer)]
    if shared:
        raise InputError(
            "Each residual connection of a block has parts of its own.",
            f"residual={{{shared[0]!r}: a layer}}",
            "Pass a name or a number.",
        )
    return residual
