"""Texts to marked code points inside a TensorFlow graph."""

from collections.abc import Sequence

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import WHITE_SPACE
from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.special_patterns import ROW_END
from kzoo.export.graph_tokenizers.tensorflow_special_tokens import (
    TensorFlowSpecialTokens,
)

NO_CODE = -2  # at a mark: no character, and no part of a special token


class TensorFlowCharacters:
    """Takes texts apart into code points, and marks where special tokens are spelt out.

    Args:
        tokens: The special tokens to find, the longer ones first.
        takes_space: For each, whether whitespace before it belongs to it; None for
            none.
    """

    def __init__(
        self, tokens: tuple[str, ...], takes_space: Sequence[bool] | None = None
    ) -> None:
        self.tokens = tokens
        self.takes_space = np.array(takes_space or [False] * len(tokens), bool)
        self._special = TensorFlowSpecialTokens(tokens) if tokens else None

    def __call__(self, texts):
        """Return the code points of all texts, one behind the other.

        Args:
            texts: string `(B,)`.

        Returns:
            The code points, int32 `(N,)`, `NO_CODE` at a mark, and marks, int32
            `(N,)`: 0 for a character, `ROW_END` behind each text, and
            `ROW_END + 1 + k` for the k-th of `tokens`.
        """
        import tensorflow as tf

        decoded = tf.strings.unicode_decode(
            texts + "\n", "UTF-8", errors="replace", replacement_char=REPLACEMENT
        )
        codes = decoded.flat_values
        ends = tf.cast(decoded.row_splits[1:] - 1, "int32")[:, None]
        marks = tf.scatter_nd(
            ends, tf.fill(tf.shape(ends)[:1], ROW_END), tf.shape(codes)
        )
        codes = tf.where(marks > 0, NO_CODE, codes)
        if self._special is None:
            return codes, marks
        return self._with_special_tokens(codes, marks, *self._special(codes))

    def _with_special_tokens(self, codes, marks, places, which, rest):
        """Put one mark in the place of each special token that is spelt out."""
        import tensorflow as tf

        marks = tf.tensor_scatter_nd_update(marks, places, ROW_END + 1 + which)
        inside = tf.tensor_scatter_nd_update(
            tf.zeros_like(marks), rest, tf.ones_like(rest[:, 0])
        )
        dropped = inside > 0
        if self.takes_space.any():
            dropped |= self._taken(codes, marks, dropped)
        codes = tf.where(marks > 0, NO_CODE, codes)
        stays = tf.logical_not(dropped)
        return tf.boolean_mask(codes, stays), tf.boolean_mask(marks, stays)

    def _taken(self, codes, marks, dropped):
        """Return where whitespace belongs to a special token behind it."""
        import tensorflow as tf

        white = tf.reduce_any(codes[:, None] == WHITE_SPACE, axis=1)
        white &= (marks == 0) & tf.logical_not(dropped)
        # A run of whitespace, and what stands behind it, have one count before them.
        count = tf.cumsum(tf.cast(tf.logical_not(white), "int32"))
        takes = np.concatenate([np.zeros(ROW_END + 1, bool), self.takes_space])
        taking = tf.gather(tf.constant(takes), marks)
        runs = tf.boolean_mask(count, taking) - 1
        taken = tf.scatter_nd(runs[:, None], tf.ones_like(runs), tf.shape(codes) + 1)
        return white & (tf.gather(taken, count) > 0)
