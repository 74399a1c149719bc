"""Keras 3 layers: residual sublayers, norms, attention, embeddings, pooling."""

from kzoo.layers.encoder_block import EncoderBlock
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.layer_normalization import LayerNormalization
from kzoo.layers.masks import causal_mask, combine_masks
from kzoo.layers.multi_head_attention import MultiHeadAttention
from kzoo.layers.naive_bayes_ngrams import NaiveBayesNgrams
from kzoo.layers.ngram_embedding import NgramEmbedding
from kzoo.layers.pooling import FirstTokenPooling, MaskedMeanPooling
from kzoo.layers.positions import PositionEmbedding, SinePositionEncoding
from kzoo.layers.residual_sublayer import ResidualSublayer
from kzoo.layers.token_embedding import SegmentEmbedding, TokenEmbedding

__all__ = [
    "EncoderBlock",
    "FeedForward",
    "FirstTokenPooling",
    "LayerNormalization",
    "MaskedMeanPooling",
    "MultiHeadAttention",
    "NaiveBayesNgrams",
    "NgramEmbedding",
    "PositionEmbedding",
    "ResidualSublayer",
    "SegmentEmbedding",
    "SinePositionEncoding",
    "TokenEmbedding",
    "causal_mask",
    "combine_masks",
]
