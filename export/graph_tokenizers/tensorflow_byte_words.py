"""Texts to the words of byte-level BPE inside a TensorFlow graph."""

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import (
    APOSTROPHE,
    BLOCK,
    LONG_ENDINGS,
    MARK,
    SHORT_ENDINGS,
    SPACE,
    WHITE_SPACE,
    character_classes,
    marked_tokens,
)
from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.special_patterns import special_patterns
from kzoo.tokenizers.byte_bpe_backend import takes_space

ROW_END = 1  # the mark of a text's end; those of special tokens follow
_BLANK = ord(" ")
_NO_CODE = -2  # at a mark: no character, and no part of a special token


class TensorFlowByteWords:
    r"""Splits texts into the words that the Rust splitter gives.

    GPT-2's rule is the expression `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
    ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. What it comes to: a word is a run of letters, of
    numbers, of signs or of whitespace; a blank before a run of another kind belongs to
    that run, so whitespace before something keeps all but its last character; and an
    apostrophe that begins a word makes one with some endings. So where words begin
    follows from each character and its neighbours.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
    """

    def __init__(self, tokenizer) -> None:
        import tensorflow as tf

        classes = character_classes()
        self.index = tf.constant(classes.index)
        self.blocks = tf.constant(classes.blocks.reshape(-1))
        self.add_prefix_space = tokenizer.add_prefix_space
        self.tokens = marked_tokens(tokenizer)
        self.takes_space = np.array([takes_space(tokenizer, t) for t in self.tokens])
        if self.tokens:
            patterns = special_patterns(self.tokens, as_bytes=False)
            self.patterns = tf.constant(patterns.units)
            self.longest = patterns.units.shape[1]
            self.pattern_lengths = tf.constant(patterns.lengths)
            self.first_units = tf.constant(patterns.first_units)

    def __call__(self, texts):
        """Return the words of all texts, one behind the other.

        Args:
            texts: string `(B,)`.

        Returns:
            The words, string `(words,)`, and their marks, int32 `(words,)`: 0 for a
            word, `ROW_END` behind the words of each text, and `ROW_END + 1 + k` for
            the k-th of `tokens`.
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
        codes = tf.where(marks > 0, _NO_CODE, codes)
        if self.tokens:
            codes, marks = self._with_special_tokens(codes, marks)
        if self.add_prefix_space:
            codes, marks = self._with_prefix_spaces(codes, marks)
        known = tf.maximum(codes, 0)
        block = tf.gather(self.index, known // BLOCK)
        classes = tf.gather(self.blocks, block * BLOCK + known % BLOCK)
        classes = tf.where(marks > 0, MARK, classes)
        starts = tf.where(_starts(codes, classes))[:, 0]
        words = tf.RaggedTensor.from_row_starts(known, starts)
        return tf.strings.unicode_encode(words, "UTF-8"), tf.gather(marks, starts)

    def _with_special_tokens(self, codes, marks):
        """Put one mark in the place of each special token that is spelt out."""
        import tensorflow as tf

        first = tf.reduce_any(codes[:, None] == self.first_units, axis=1)
        places = tf.cast(tf.where(first), "int32")  # (K, 1)
        padded = tf.pad(codes, [[0, self.longest]], constant_values=_NO_CODE)
        windows = tf.gather(padded, places + tf.range(self.longest))  # (K, longest)
        same = (windows[:, None, :] == self.patterns) | (self.patterns < 0)
        matches = tf.reduce_all(same, axis=2)  # (K, tokens)
        found = tf.reduce_any(matches, axis=1)
        places = tf.boolean_mask(places[:, 0], found)
        which = tf.argmax(tf.boolean_mask(matches, found), 1, output_type=tf.int32)
        lengths = tf.gather(self.pattern_lengths, which)
        rest = tf.ragged.range(places + 1, places + lengths).flat_values
        marks = tf.tensor_scatter_nd_update(marks, places[:, None], ROW_END + 1 + which)
        inside = tf.tensor_scatter_nd_update(
            tf.zeros_like(marks), rest[:, None], tf.ones_like(rest)
        )
        dropped = inside > 0
        if self.takes_space.any():
            dropped |= self._taken(codes, marks, dropped)
        codes = tf.where(marks > 0, _NO_CODE, codes)
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

    def _with_prefix_spaces(self, codes, marks):
        """Put a blank before each stretch between marks that begins with none."""
        import tensorflow as tf

        before = tf.concat([[ROW_END], marks[:-1]], axis=0)
        wanting = (before > 0) & (marks == 0) & (codes != _BLANK)
        source = tf.repeat(tf.range(tf.size(codes)), 1 + tf.cast(wanting, "int32"))
        new = source == tf.concat([source[1:], [-1]], axis=0)
        return (
            tf.where(new, _BLANK, tf.gather(codes, source)),
            tf.where(new, 0, tf.gather(marks, source)),
        )


def _starts(codes, classes):
    """Return where words begin, bool `(N,)`."""
    import tensorflow as tf

    def behind(values, by, fill):  # the value `by` places further
        rest = tf.concat([values[by:], tf.fill([by], fill)], axis=0)
        return rest[: tf.size(values)]

    def before(values, by, fill):  # the value `by` places back
        return tf.concat([tf.fill([by], fill), values], axis=0)[: tf.size(values)]

    space = classes == SPACE
    after_space = before(space, 1, False)
    following = behind(classes, 1, MARK)
    last_space = (following != SPACE) & (following != MARK)
    other = (classes != before(classes, 1, MARK)) & (
        before(codes, 1, _NO_CODE) != _BLANK
    )
    starts = tf.where(
        space, tf.logical_not(after_space) | last_space, other | (classes == MARK)
    )
    one, two = behind(codes, 1, _NO_CODE), behind(codes, 2, _NO_CODE)
    head = starts & (codes == APOSTROPHE)
    short = head & tf.reduce_any(
        one[:, None] == [ord(letter) for letter in SHORT_ENDINGS], axis=1
    )
    long = tf.zeros_like(head)
    for first, second in LONG_ENDINGS:
        long |= head & (one == ord(first)) & (two == ord(second))
    starts &= tf.logical_not(before(short | long, 1, False))
    return starts | before(short, 2, False) | before(long, 3, False)
