"""One case for every public layer: how to make it, and what to call it with.

A new layer is added here, and with that it is under every test of
test_layer_contract.py. The sizes are pairwise different primes or products of two,
so that no transposed axis passes.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from kzoo import layers
from support.arrays import array

B, T, S, N, H = 2, 7, 11, 3, 5
D, F, V = N * H, 13, 29


# Arguments of constructors that are layers, kept under their own names.
GIVEN = {
    "sublayer",
    "norm",
    "branch_scale",
    "shortcut",
    "query_key_norm",
    "rotary",
    "position_bias",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, its arguments, and the tensors it is called with.

    Attributes:
        layer: The class.
        inputs: Name to (shape without batch, kind) of each tensor; None stands for
            the length, kind is `float`, `mask` or `ids`.
        config: Arguments of the constructor, away from its defaults; a function
            is called for its value each time.
        output: Shape of the output without batch, None for the length.
        in_float32: Whether the output is float32 under every policy.
    """

    layer: Callable
    inputs: dict
    config: dict
    output: tuple
    in_float32: bool = False

    def make(self, **kwargs):
        """Return a new layer."""
        config = {
            name: value() if callable(value) else value
            for name, value in self.config.items()
        }
        return self.layer(**config, **kwargs)

    def given_parts(self, layer):
        """Return the parts that were passed to the constructor, ready-made."""
        names = {name for name, value in self.config.items() if callable(value)}
        parts = GIVEN & names
        if "query_key_norm" in parts:
            parts = parts | {"key_norm"}  # a copy of it
        given = [getattr(layer, name) for name in parts]
        return given + (layer.sublayers if "sublayers" in names else [])

    def arrays(self, batch=B, length=T, seed=0):
        """Return the call's arguments as NumPy arrays."""
        return {
            name: _array(kind, (batch, *(d or length for d in shape)), seed)
            for name, (shape, kind) in self.inputs.items()
        }

    def symbols(self):
        """Return the call's arguments as symbolic inputs of unknown length."""
        dtypes = {"float": "float32", "mask": "bool", "ids": "int32"}
        return {
            name: keras.Input(shape, dtype=dtypes[kind], name=name)
            for name, (shape, kind) in self.inputs.items()
        }

    def model(self, **kwargs):
        """Return a functional model of the layer, of unknown batch and length."""
        symbols = self.symbols()
        layer = self.make(**kwargs)
        return keras.Model(symbols, layer(**symbols)), layer


def _array(kind, shape, seed):
    if kind == "float":
        return array(*shape, seed=seed)
    if kind == "ids":
        return np.random.default_rng([seed, *shape]).integers(0, 2, shape, "int32")
    # Row r has r padded tokens at its end, row 0 none.
    lengths = np.maximum(shape[1] - np.arange(shape[0]), 1)
    return np.arange(shape[1]) < lengths[:, None]


SEQUENCE = {"inputs": ((None, D), "float")}
PADDED = {**SEQUENCE, "padding_mask": ((None,), "mask")}
IDS = {"token_ids": ((None,), "ids")}

CASES = {
    "Dense": Case(layers.Dense, SEQUENCE, {"units": F, "use_bias": False}, (None, F)),
    "LayerNormalization": Case(
        layers.LayerNormalization, SEQUENCE, {"epsilon": 1e-12}, (None, D)
    ),
    "RMSNormalization": Case(
        layers.RMSNormalization, SEQUENCE, {"epsilon": 1e-6}, (None, D)
    ),
    "MultiHeadAttention": Case(
        layers.MultiHeadAttention,
        {"query": ((None, D), "float"), "padding_mask": ((None,), "mask")},
        {"num_heads": N, "key_dim": 2, "use_bias": False, "dropout": 0.3},
        (None, D),
    ),
    "MultiHeadAttention (cross)": Case(
        layers.MultiHeadAttention,
        {
            "query": ((None, D), "float"),
            "value": ((S, 17), "float"),
            "padding_mask": ((S,), "mask"),
        },
        {"num_heads": N, "fused": False, "output_initializer": "he_normal"},
        (None, D),
    ),
    "MultiHeadAttention (shared heads)": Case(
        layers.MultiHeadAttention,
        {
            "query": ((None, D), "float"),
            "padding_mask": ((None,), "mask"),
            "segment_ids": ((None,), "ids"),
            "positions": ((None,), "ids"),
        },
        {
            "num_heads": 6,
            "num_key_value_heads": 2,
            "key_dim": 4,
            "scale": 0.7,
            "soft_cap": 5.0,
            "window": 3,
            "query_key_norm": lambda: layers.RMSNormalization(name="q"),
            "rotary": lambda: layers.RotaryEmbedding(name="r"),
            "position_bias": lambda: layers.RelativePositionBias(6, name="b"),
        },
        (None, D),
    ),
    "DecoderBlock": Case(
        layers.DecoderBlock,
        {
            "inputs": ((None, D), "float"),
            "encoder_outputs": ((S, 17), "float"),
            "padding_mask": ((None,), "mask"),
            "encoder_padding_mask": ((S,), "mask"),
        },
        {
            "num_heads": N,
            "intermediate_dim": F,
            "cross_attention": True,
            "norm_placement": "sandwich",
            "activation": "gelu_tanh",
            "dropout": 0.2,
            "attention_dropout": 0.3,
            "activation_dropout": 0.1,
            "output_initializer": "he_normal",
            "residual": {"norm": "rms_norm", "branch_scale": "re_zero"},
        },
        (None, D),
    ),
    "DecoderBlock (causal)": Case(
        layers.DecoderBlock,
        {
            "inputs": ((None, D), "float"),
            "padding_mask": ((None,), "mask"),
            "segment_ids": ((None,), "ids"),
        },
        {"num_heads": N, "intermediate_dim": F, "use_bias": False},
        (None, D),
    ),
    "RotaryEmbedding": Case(
        layers.RotaryEmbedding,
        {"inputs": ((None, N, 6), "float"), "positions": ((None,), "ids")},
        {"rotary_dim": 4, "interleaved": True, "scaling": "linear", "factor": 2.5},
        (None, N, 6),
    ),
    "ALiBi": Case(
        layers.ALiBi,
        {"query_positions": ((None,), "ids"), "key_positions": ((S,), "ids")},
        {"num_heads": N},
        (N, None, S),
        in_float32=True,
    ),
    "RelativePositionBias": Case(
        layers.RelativePositionBias,
        {"query_positions": ((None,), "ids"), "key_positions": ((S,), "ids")},
        {"num_heads": N, "num_buckets": 8, "max_distance": 16, "bidirectional": False},
        (N, None, S),
        in_float32=True,
    ),
    "FeedForward": Case(
        layers.FeedForward,
        SEQUENCE,
        {"intermediate_dim": F, "activation": "gelu_tanh", "use_bias": False},
        (None, D),
    ),
    "FeedForward (gated)": Case(
        layers.FeedForward,
        SEQUENCE,
        {"intermediate_dim": F, "activation": "gelu", "gated": True},
        (None, D),
    ),
    "ResidualSublayer": Case(
        layers.ResidualSublayer,
        PADDED,
        {
            "sublayer": lambda: layers.MultiHeadAttention(N, fused=False, name="f"),
            "norm": lambda: layers.LayerNormalization(epsilon=1e-3, name="n"),
            "norm_placement": "post",
            "dropout": 0.3,
        },
        (None, D),
    ),
    "ResidualSublayer (dense)": Case(
        layers.ResidualSublayer,
        SEQUENCE,
        {
            "sublayer": lambda: keras.Sequential([keras.layers.Dense(D, name="d")]),
            "norm_placement": "none",
        },
        (None, D),
    ),
    "ResidualSublayer (sandwich)": Case(
        layers.ResidualSublayer,
        SEQUENCE,
        {
            "sublayer": lambda: keras.layers.Dense(F, name="d"),
            "norm": "rms_norm",
            "norm_placement": "sandwich",
            "shortcut": "projection",
            "skip_scale": 1.7,
            "branch_scale": "layer_scale",
            "drop_path": 0.3,
        },
        (None, F),
    ),
    "ResidualSublayer (given parts)": Case(
        layers.ResidualSublayer,
        SEQUENCE,
        {
            "sublayer": lambda: keras.layers.Dense(F, name="d"),
            "norm_placement": "none",
            "shortcut": lambda: keras.layers.Dense(F, name="s"),
            "branch_scale": lambda: layers.ReZero(initial_value=0.7, name="r"),
        },
        (None, F),
    ),
    "ResidualDense": Case(
        layers.ResidualDense,
        SEQUENCE,
        {
            "units": F,
            "intermediate_dim": 17,
            "activation": "swiglu",
            "norm_placement": "sandwich",
            "norm": "rms_norm",
            "dropout": 0.3,
            "skip_scale": 1.3,
            "branch_scale": "layer_scale",
            "drop_path": 0.2,
            "output_initializer": "glorot_normal",
        },
        (None, F),
    ),
    "ResidualConv2D": Case(
        layers.ResidualConv2D,
        {"inputs": ((None, S, 5), "float")},
        {"filters": 2, "variant": "bottleneck", "activation": "gelu"},
        (None, S, 8),
    ),
    "ResidualConv2D (pre-activation)": Case(
        layers.ResidualConv2D,
        {"inputs": ((None, S, 5), "float")},
        {
            "filters": 5,
            "pre_activation": True,
            "activation": "tanh",
            "kernel_size": 1,
            "drop_path": 0.3,
            "momentum": 0.7,
            "epsilon": 1e-3,
        },
        (None, S, 5),
    ),
    "ParallelSum": Case(
        layers.ParallelSum,
        PADDED,
        {
            "sublayers": lambda: [
                layers.MultiHeadAttention(N, name="a"),
                layers.FeedForward(F, name="f"),
            ]
        },
        (None, D),
    ),
    "LayerScale": Case(layers.LayerScale, SEQUENCE, {"initial_value": 0.3}, (None, D)),
    "ReZero": Case(layers.ReZero, SEQUENCE, {"initial_value": 0.3}, (None, D)),
    "DropPath": Case(layers.DropPath, SEQUENCE, {"rate": 0.3, "seed": 5}, (None, D)),
    "Dropout": Case(
        layers.Dropout,
        SEQUENCE,
        {"rate": 0.3, "noise_shape": (None, None, 1), "seed": 5},
        (None, D),
    ),
    "EncoderBlock": Case(
        layers.EncoderBlock,
        PADDED,
        {
            "num_heads": N,
            "intermediate_dim": F,
            "norm_placement": "post",
            "dropout": 0.2,
            "attention_dropout": 0.3,
            "kernel_initializer": lambda: keras.initializers.RandomNormal(stddev=0.3),
        },
        (None, D),
    ),
    "TokenEmbedding": Case(
        layers.TokenEmbedding,
        IDS,
        {"vocabulary_size": V, "hidden_dim": D, "scale": 3.0},
        (None, D),
    ),
    "SegmentEmbedding": Case(
        layers.SegmentEmbedding,
        {**SEQUENCE, "segment_ids": ((None,), "ids")},
        {"num_segments": 2, "hidden_dim": D},
        (None, D),
    ),
    "PositionEmbedding": Case(
        layers.PositionEmbedding,
        {**SEQUENCE, "positions": ((None,), "ids")},
        {"max_sequence_length": 31},
        (None, D),
    ),
    "SinePositionEncoding": Case(
        layers.SinePositionEncoding,
        {"inputs": ((None, 2 * D), "float"), "positions": ((None,), "ids")},
        {"max_sequence_length": 31, "max_wavelength": 1e3},
        (None, 2 * D),
    ),
    "NgramEmbedding": Case(
        layers.NgramEmbedding,
        {**IDS, "padding_mask": ((None,), "mask")},
        {"sizes": (2, 3), "num_buckets": 37, "hidden_dim": D, "ngram_dim": 5},
        (None, D),
    ),
    "NaiveBayesNgrams": Case(
        layers.NaiveBayesNgrams,
        {**IDS, "padding_mask": ((None,), "mask")},
        {
            "num_classes": 3,
            "sizes": (1, 3),
            "num_buckets": 37,
            "shrinkage": 5.0,
            "min_count": 1,
        },
        (3,),
        in_float32=True,
    ),
    "MaskedMeanPooling": Case(layers.MaskedMeanPooling, PADDED, {}, (D,)),
    "FirstTokenPooling": Case(layers.FirstTokenPooling, PADDED, {}, (D,)),
}
