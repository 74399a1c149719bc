"""Keras 3 layers: residual sublayers, norms, attention, embeddings, pooling."""

from kzoo.layers.decoder_block import DecoderBlock, DecoderCache
from kzoo.layers.dense import Dense
from kzoo.layers.depth import deep_norm_scales, drop_path_rates
from kzoo.layers.drop_path import DropPath
from kzoo.layers.dropout import Dropout
from kzoo.layers.encoder_block import EncoderBlock
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.initializers import block_initializers
from kzoo.layers.key_value_cache import KeyValueCache
from kzoo.layers.layer_normalization import LayerNormalization
from kzoo.layers.layer_scale import LayerScale
from kzoo.layers.masks import causal_mask, combine_masks, segment_mask, window_mask
from kzoo.layers.multi_head_attention import MultiHeadAttention
from kzoo.layers.naive_bayes_ngrams import NaiveBayesNgrams
from kzoo.layers.ngram_embedding import NgramEmbedding
from kzoo.layers.parallel_sum import ParallelSum
from kzoo.layers.pooling import FirstTokenPooling, MaskedMeanPooling
from kzoo.layers.position_biases import ALiBi, RelativePositionBias
from kzoo.layers.positions import PositionEmbedding, SinePositionEncoding
from kzoo.layers.re_zero import ReZero
from kzoo.layers.residual_conv2d import ResidualConv2D
from kzoo.layers.residual_dense import ResidualDense
from kzoo.layers.residual_sublayer import ResidualSublayer
from kzoo.layers.rms_normalization import RMSNormalization
from kzoo.layers.rotary_embedding import RotaryEmbedding
from kzoo.layers.token_embedding import SegmentEmbedding, TokenEmbedding

__all__ = [
    "ALiBi",
    "DecoderBlock",
    "DecoderCache",
    "Dense",
    "DropPath",
    "Dropout",
    "EncoderBlock",
    "FeedForward",
    "FirstTokenPooling",
    "KeyValueCache",
    "LayerNormalization",
    "LayerScale",
    "MaskedMeanPooling",
    "MultiHeadAttention",
    "NaiveBayesNgrams",
    "NgramEmbedding",
    "ParallelSum",
    "PositionEmbedding",
    "RMSNormalization",
    "ReZero",
    "RelativePositionBias",
    "ResidualConv2D",
    "ResidualDense",
    "ResidualSublayer",
    "RotaryEmbedding",
    "SegmentEmbedding",
    "SinePositionEncoding",
    "TokenEmbedding",
    "block_initializers",
    "causal_mask",
    "combine_masks",
    "deep_norm_scales",
    "drop_path_rates",
    "segment_mask",
    "window_mask",
]
