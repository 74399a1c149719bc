"""The translator's two halves: from embedded tokens to hidden states."""

from typing import Any, NamedTuple

import keras

from kzoo.layers import (
    DecoderBlock,
    Dropout,
    EncoderBlock,
    KeyValueCache,
    LayerNormalization,
    PositionEmbedding,
    SinePositionEncoding,
    checks,
)

POSITIONS = ("sinusoidal", "sinusoidal_halves", "learned")
PLACEMENTS = ("pre", "post")


class TranslatorCache(NamedTuple):
    """What the decoder keeps between the tokens.

    Args:
        blocks: A `DecoderCache` for each block; what is of the encoder is final.
        encoder_padding_mask: (B, S) bool, True = real token.
    """

    blocks: tuple
    encoder_padding_mask: Any


class _Stack(keras.layers.Layer):
    """The abstract base: positions, dropout, blocks, a norm if wanted.

    Args:
        num_layers: How many blocks.
        hidden_dim: D.
        max_sequence_length: The longest T.
        positions: See `Translator`.
        initializer: Function that makes the initializer of kernels, or with
            `table=True` that of the positions.
        final_norm: Whether the last block's outputs are normalised.
        block: The options of every block, `norm_placement`, `dropout` and
            `layer_norm_epsilon` among them.
    """

    block_type: type

    def __init__(
        self,
        num_layers,
        hidden_dim,
        max_sequence_length,
        *,
        positions,
        initializer,
        final_norm,
        block,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.one_of(POSITIONS, positions=positions)
        checks.one_of(PLACEMENTS, norm_placement=block["norm_placement"])
        checks.rate(dropout=block["dropout"])
        own = {"dtype": self.dtype_policy}
        self.hidden_dim = hidden_dim
        if positions == "learned":
            self.position = PositionEmbedding(
                max_sequence_length,
                embeddings_initializer=initializer(table=True),
                name="position",
                **own,
            )
        else:
            self.position = SinePositionEncoding(
                max_sequence_length,
                interleaved=positions == "sinusoidal",
                name="position",
                **own,
            )
        self.embedding_dropout = Dropout(
            block["dropout"], name="embedding_dropout", **own
        )
        self.blocks = [
            self.block_type(
                **block, kernel_initializer=initializer(), name=f"block_{index}", **own
            )
            for index in range(num_layers)
        ]
        self.norm = None
        if final_norm:
            self.norm = LayerNormalization(
                epsilon=block["layer_norm_epsilon"], name="norm", **own
            )

    def build(self, inputs_shape=None):
        """Build every part; the width is that of the constructor."""
        sequence_shape = (None, None, self.hidden_dim)
        for layer in (self.position, *self.blocks, self.norm):
            if layer is not None:
                layer.build(sequence_shape)

    def _placed(self, x, positions=None, training=None):
        x = x + self.position(x, positions=positions)
        return self.embedding_dropout(x, training=training)

    def _normed(self, x):
        return x if self.norm is None else self.norm(x)

    def compute_output_shape(self, inputs_shape, **kwargs):
        """Return the shape of the inputs."""
        return inputs_shape


class EncoderStack(_Stack):
    """A Transformer's encoder: (B, S, D) embedded tokens to (B, S, D)."""

    block_type = EncoderBlock

    def call(self, inputs, padding_mask=None, training=None):
        """Return the hidden states of the last block, (B, S, D).

        Args:
            inputs: (B, S, D), embedded tokens.
            padding_mask: (B, S) bool, True = real token.
            training: Whether dropout is on.
        """
        x = self._placed(inputs, training=training)
        for block in self.blocks:
            x = block(x, padding_mask=padding_mask, training=training)
        return self._normed(x)

    def attention_scores(self, inputs, padding_mask=None) -> list:
        """Return the scores of every block, each (B, N, S, S)."""
        x, scores = self._placed(inputs), []
        for block in self.blocks:
            scores.append(block.attention_scores(x, padding_mask=padding_mask))
            x = block(x, padding_mask=padding_mask)
        return scores


class DecoderStack(_Stack):
    """A Transformer's decoder: embedded tokens, an encoder's outputs to (B, T, D)."""

    block_type = DecoderBlock

    def call(
        self,
        inputs,
        encoder_outputs,
        padding_mask=None,
        encoder_padding_mask=None,
        training=None,
    ):
        """Return the hidden states of the last block, (B, T, D).

        Args:
            inputs: (B, T, D), embedded tokens.
            encoder_outputs: (B, S, D).
            padding_mask: (B, T) bool, True = real token.
            encoder_padding_mask: (B, S) bool, True = real token.
            training: Whether dropout is on.
        """
        x = self._placed(inputs, training=training)
        for block in self.blocks:
            x = block(
                x,
                encoder_outputs=encoder_outputs,
                padding_mask=padding_mask,
                encoder_padding_mask=encoder_padding_mask,
                training=training,
            )
        return self._normed(x)

    def make_cache(self, batch_size, length, encoder_outputs) -> tuple:
        """Return a `DecoderCache` for each block, of `length` columns or growing."""
        caches = []
        for block in self.blocks:
            sizes = block.num_heads, self.hidden_dim // block.num_heads
            empty = KeyValueCache.empty(batch_size, length, *sizes, self.compute_dtype)
            caches.append(block.make_cache(empty, encoder_outputs))
        return tuple(caches)

    def call_with_cache(
        self,
        inputs,
        caches,
        *,
        cache_index=None,
        padding_mask=None,
        encoder_padding_mask=None,
        positions=None,
    ):
        """Return (B, T, D) and the new caches; see `DecoderBlock.call_with_cache`."""
        x, after = self._placed(inputs, positions), []
        for block, before in zip(self.blocks, caches, strict=True):
            x, cache = block.call_with_cache(
                x,
                before,
                cache_index=cache_index,
                padding_mask=padding_mask,
                encoder_padding_mask=encoder_padding_mask,
            )
            after.append(cache)
        return self._normed(x), tuple(after)

    def attention_scores(self, inputs, encoder_outputs, **masks) -> tuple[list, list]:
        """Return every block's scores: (B, N, T, T) each, and (B, N, T, S) each."""
        x, own, cross = self._placed(inputs), [], []
        for block in self.blocks:
            scores = block.attention_scores(x, encoder_outputs, **masks)
            own.append(scores[0])
            cross.append(scores[1])
            x = block(x, encoder_outputs=encoder_outputs, **masks)
        return own, cross
