"""Texts to normalised words inside a TensorFlow graph."""

import numpy as np

from kzoo.export.graph_tokenizers.graph_vocabulary import GraphVocabulary
from kzoo.export.graph_tokenizers.normalisation_tables import (
    BLOCK,
    DROP,
    ISOLATE,
    KEEP,
    REPLACEMENT,
    SPACE,
    NormalisationTables,
    Sequence,
)
from kzoo.export.graph_tokenizers.tensorflow_special_tokens import (
    TensorFlowSpecialTokens,
)

_SELF = -1  # in a sequence: the character itself
_SPACE = ord(" ")


class TensorFlowWords:
    """Splits texts into the words that the Rust normalizer and splitter would give.

    All texts become one row of code points. Each point has a class and each class a
    sequence of code points that it becomes; written out one behind the other and
    encoded they are one string, which is split at its spaces.

    Args:
        tables: What each code point becomes.
        vocabulary: The markers of ends and of special tokens.
    """

    def __init__(self, tables: NormalisationTables, vocabulary: GraphVocabulary):
        import tensorflow as tf

        sequences = {
            KEEP: (_SELF,),
            SPACE: (_SPACE,),
            ISOLATE: (_SPACE, _SELF, _SPACE),
        }
        everything = [Sequence(sequences.get(k, ())) for k in range(ISOLATE + 1)]
        everything += tables.sequences
        self.first_mark = tables.first_mark
        self.end_mark = len(everything)
        self.row_end = len(everything)
        everything += [
            Sequence((_SPACE, ord(marker), _SPACE))
            for marker in (vocabulary.row_end, *vocabulary.special_markers)
        ]
        values = [
            pair for s in everything for pair in (*((c, 0) for c in s.base), *s.marks)
        ]
        lengths = np.array([len(s.base) + len(s.marks) for s in everything], "int32")
        starters = np.ones(len(everything), "int32")
        starters[: self.end_mark] = tables.starters
        self.has_marks = tables.has_marks
        self.index = tf.constant(tables.index)
        self.blocks = tf.constant(tables.blocks.reshape(-1))
        self.lengths = tf.constant(lengths)
        self.starts = tf.constant(np.cumsum(lengths, dtype="int32") - lengths)
        self.values = tf.constant(np.array([code for code, _ in values], "int32"))
        self.ranks = tf.constant(np.array([rank for _, rank in values], "int32"))
        self.starters = tf.constant(starters)
        self.special = TensorFlowSpecialTokens(vocabulary.special_tokens)

    def __call__(self, texts):
        """Return the words of all texts, `row_end` behind those of each.

        Args:
            texts: string `(B,)`.

        Returns:
            string `(words,)`.
        """
        import tensorflow as tf

        decoded = tf.strings.unicode_decode(
            texts + "\n", "UTF-8", errors="replace", replacement_char=REPLACEMENT
        )
        codes = decoded.flat_values
        block = tf.gather(self.index, codes // BLOCK)
        classes = tf.gather(self.blocks, block * BLOCK + codes % BLOCK)
        ends = tf.cast(decoded.row_splits[1:] - 1, "int32")
        classes = tf.tensor_scatter_nd_update(
            classes, ends[:, None], tf.fill(tf.shape(ends), self.row_end)
        )
        classes = self._with_special_tokens(codes, classes)
        lengths = tf.gather(self.lengths, classes)
        source = tf.repeat(tf.range(tf.size(codes)), lengths)
        # Where the sequence of a point begins in the values, less where in the text.
        shift = tf.gather(self.starts, classes) - tf.cumsum(lengths, exclusive=True)
        place = tf.range(tf.size(source)) + tf.gather(shift, source)
        value = tf.gather(self.values, place)
        written = tf.where(value == _SELF, tf.gather(codes, source), value)
        if self.has_marks:
            marked = (classes >= self.first_mark) & (classes < self.end_mark)
            written = tf.cond(
                tf.reduce_any(marked),
                lambda: self._in_order(written, place, source, classes),
                lambda: written,
            )
        joined = tf.strings.unicode_encode(written, "UTF-8")
        return tf.strings.split(joined[None]).flat_values

    def _with_special_tokens(self, codes, classes):
        """Give the first point of each special token its class, drop the others."""
        import tensorflow as tf

        places, which, rest = self.special(codes)
        dropped = tf.fill(tf.shape(rest)[:1], DROP)
        classes = tf.tensor_scatter_nd_update(classes, rest, dropped)
        return tf.tensor_scatter_nd_update(classes, places, self.row_end + 1 + which)

    def _in_order(self, written, place, source, classes):
        """Sort neighbouring marks by their rank, as NFD does."""
        import tensorflow as tf

        ranks = tf.gather(self.ranks, place)
        marks = tf.cast(tf.where(ranks > 0), "int32")  # (marks, 1)
        run = tf.gather(tf.cumsum(tf.gather(self.starters, classes)), source)
        key = tf.gather_nd(run, marks) * 256 + tf.gather_nd(ranks, marks)
        order = tf.argsort(key, stable=True)
        return tf.tensor_scatter_nd_update(
            written, marks, tf.gather(tf.gather_nd(written, marks), order)
        )
