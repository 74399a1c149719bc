"""WordPiece inside a TensorFlow graph, with the ids of the host."""

import functools

import numpy as np

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.graph_vocabulary import graph_vocabulary, limitations
from kzoo.export.graph_tokenizers.normalisation_tables import normalisation_tables
from kzoo.export.graph_tokenizers.tensorflow_rows import (
    cut,
    kept_lengths,
    rows_between_ends,
)
from kzoo.export.graph_tokenizers.tensorflow_words import TensorFlowWords


def TensorFlowWordPiece(tokenizer, max_length: int):  # noqa: N802  a class, made late
    """Return a `tf.Module` that turns texts into ids as the host tokenizer does.

    It is called with `text`, string `(B,)`, and perhaps a `pair`, string `(B,)`, and
    returns `token_ids` int32 `(B, T)`, `padding_mask` bool `(B, T)` (True = real
    token) and `segment_ids` int32 `(B, T)`, T being the longest row of the batch. It
    holds static tables alone, so it can be part of a SavedModel; whoever loads that
    imports `tensorflow_text` first.

    Args:
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        max_length: The most ids of a row, `[CLS]` and `[SEP]` included.

    Returns:
        The module. Its `limitations` say for which texts the ids may differ.

    Raises:
        InputError: `max_length` leaves no room for the special tokens.

    Example:
        >>> import tensorflow as tf
        >>> from kzoo.tokenizers import WordPieceTokenizer
        >>> special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        >>> tokenizer = WordPieceTokenizer([*special, "film", "##s", "good"])
        >>> encode = TensorFlowWordPiece(tokenizer, max_length=8)
        >>> encode(tf.constant(["Good films", ""]))["token_ids"].numpy().tolist()
        [[2, 7, 5, 6, 3], [2, 3, 0, 0, 0]]
    """
    if max_length < 3:
        raise InputError(
            "max_length leaves room for [CLS], [SEP] and [SEP].",
            f"max_length={max_length}",
            "Pass 3 or more.",
        )
    return _module_class()(tokenizer, max_length)


@functools.cache
def _module_class():
    """Return the class; TensorFlow is imported only when the first is made."""
    import tensorflow as tf

    class TensorFlowWordPieceModule(tf.Module):
        """See `TensorFlowWordPiece`."""

        def __init__(self, tokenizer, max_length):
            super().__init__(name="wordpiece")
            import tensorflow_text

            tables = normalisation_tables(tokenizer)
            vocabulary = graph_vocabulary(tokenizer, tables)
            self.max_length = max_length
            self.limitations = limitations(tokenizer)
            self.pad_id = tokenizer.pad_id
            self.cls_id = tokenizer.cls_id
            self.sep_id = tokenizer.sep_id
            self._max_characters = tokenizer.max_characters_per_word
            self._unknown = vocabulary.unknown
            self._words = TensorFlowWords(tables, vocabulary)
            self._ids = tf.constant(vocabulary.ids)
            self._table = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(vocabulary.tokens),
                    tf.constant(np.arange(len(vocabulary.tokens), dtype="int64")),
                ),
                default_value=-1,
            )
            self._wordpiece = tensorflow_text.WordpieceTokenizer(
                self._table,
                suffix_indicator=tokenizer.continuing_prefix,
                max_bytes_per_word=4 * tokenizer.max_characters_per_word,
                unknown_token=vocabulary.unknown,
            )

        def __call__(self, text, pair=None):
            """Return `token_ids`, `padding_mask` and `segment_ids`, each `(B, T)`."""
            text = tf.convert_to_tensor(text)
            if pair is None:
                first = self._tokens(text)
                kept = tf.minimum(first.row_lengths(), self.max_length - 2)
                ids = self._framed([cut(first, kept)])
                segments = tf.zeros_like(ids)
                return self._padded(ids, segments)
            both = self._tokens(tf.concat([text, tf.convert_to_tensor(pair)], axis=0))
            rows = tf.size(text)
            first, second = both[:rows], both[rows:]
            kept = kept_lengths(
                first.row_lengths(), second.row_lengths(), self.max_length - 3
            )
            first, second = cut(first, kept[0]), cut(second, kept[1])
            ids = self._framed([first, second])
            segments = tf.concat(
                [
                    tf.zeros_like(self._framed([first])),
                    tf.ones_like(self._framed([second])[:, 1:]),
                ],
                axis=1,
            )
            return self._padded(ids, segments)

        def _tokens(self, texts):
            """Return the ids of each text, ragged `(B, None)`."""
            words, which = tf.unique(self._words(texts))  # most words come often
            lengths = tf.strings.length(words, unit="UTF8_CHAR")
            words = tf.where(lengths > self._max_characters, self._unknown, words)
            pieces = tf.gather(self._wordpiece.tokenize(words), which)
            ids = tf.gather(self._ids, pieces.flat_values)
            return rows_between_ends(ids)

        def _framed(self, parts):
            """Put `[CLS]` before the parts and `[SEP]` behind each."""
            column = tf.ones([parts[0].nrows(), 1], "int32")
            framed = [column * self.cls_id]
            for part in parts:
                framed += [part, column * self.sep_id]
            return tf.concat(framed, axis=1)

        def _padded(self, ids, segments):
            return {
                "token_ids": ids.to_tensor(self.pad_id),
                "padding_mask": tf.sequence_mask(ids.row_lengths()),
                "segment_ids": segments.to_tensor(0),
            }

    return TensorFlowWordPieceModule
