"""Byte-level BPE inside a TensorFlow graph, with the ids of the host."""

import functools

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.byte_bpe_tables import spelt_bytes
from kzoo.export.graph_tokenizers.graph_vocabulary import limitations
from kzoo.export.graph_tokenizers.tensorflow_byte_words import TensorFlowByteWords
from kzoo.export.graph_tokenizers.tensorflow_merges import TensorFlowMerges
from kzoo.export.graph_tokenizers.tensorflow_rows import (
    cut,
    kept_lengths,
    named_rows,
    rows_between_ends,
    spelt_texts,
)


def TensorFlowByteBPE(tokenizer, max_length: int | None):  # noqa: N802  a class, made late
    r"""Return a `tf.Module` that turns texts into ids as the host tokenizer does.

    It is called with `text`, string `(B,)`, and perhaps a `pair`, string `(B,)`, and
    returns `token_ids` int32 `(B, T)`, `padding_mask` bool `(B, T)` (True = real
    token) and `segment_ids` int32 `(B, T)`, all 0, T being the longest row of the
    batch, which is 0 for empty texts where there is no frame. Its method
    `decode(token_ids, skip_special_tokens=True)` turns ids `(B, T)` back into strings
    `(B,)`. It holds static tables and TensorFlow's own operators alone, so it can be
    part of a SavedModel that loads without tensorflow-text.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        max_length: The most ids of a row, the frame included; None for all.

    Returns:
        The module. Its `limitations` say for which texts the ids may differ.

    Raises:
        InputError: `max_length` leaves no room for the special tokens.

    Example:
        >>> import tensorflow as tf
        >>> from kzoo.tokenizers import ByteBPETokenizer
        >>> texts = ["low lower lowest", "low slow"]
        >>> tokenizer = ByteBPETokenizer.train(texts, vocabulary_size=260)
        >>> encode = TensorFlowByteBPE(tokenizer, max_length=8)
        >>> ids = encode(tf.constant(["slow", "café"]))["token_ids"]
        >>> encode.decode(ids).numpy().tolist()
        [b'slow', b'caf\xc3\xa9']
    """
    least = max(2 * tokenizer.frame_length, 1)
    if max_length is not None and max_length < least:
        raise InputError(
            "max_length leaves room for the special tokens around a pair.",
            f"max_length={max_length}",
            f"Pass {least} or more.",
        )
    return _module_class()(tokenizer, max_length)


@functools.cache
def _module_class():
    """Return the class; TensorFlow is imported only when the first is made."""
    import tensorflow as tf

    class TensorFlowByteBPEModule(tf.Module):
        """See `TensorFlowByteBPE`."""

        def __init__(self, tokenizer, max_length):
            super().__init__(name="byte_bpe")
            self.max_length = max_length
            self.limitations = limitations(tokenizer)
            self.pad_id = tokenizer.pad_id
            self._frame = tokenizer.cls_id, tokenizer.sep_id
            self._frame_length = tokenizer.frame_length
            self._words = TensorFlowByteWords(tokenizer)
            self._merges = TensorFlowMerges(tokenizer)
            # Trackable attributes of a plain object are found through the module's.
            self._tables = [self._merges.whole, self._merges.ranks]
            marks = [-1, *map(tokenizer.token_to_id, self._words.tokens)]
            self._marks = tf.constant(marks, "int32")
            self._spelt = {
                skip: tf.constant(spelt_bytes(tokenizer, skip))
                for skip in (True, False)
            }

        def __call__(self, text, pair=None):
            """Return `token_ids`, `padding_mask` and `segment_ids`, each `(B, T)`."""
            text = tf.convert_to_tensor(text)
            if pair is None:
                first = self._tokens(text)
                return named_rows(self._framed([self._cut(first)]), self.pad_id)
            both = self._tokens(tf.concat([text, tf.convert_to_tensor(pair)], axis=0))
            rows = tf.size(text)
            first, second = both[:rows], both[rows:]
            if self.max_length is not None:
                kept = kept_lengths(
                    first.row_lengths(),
                    second.row_lengths(),
                    self.max_length - 2 * self._frame_length,
                )
                first, second = cut(first, kept[0]), cut(second, kept[1])
            return named_rows(self._framed([first, second]), self.pad_id)

        def decode(self, token_ids, skip_special_tokens=True):
            """Return the texts that rows of ids spell.

            Args:
                token_ids: `(B, T)`; what is no token's id spells nothing.
                skip_special_tokens: Whether special tokens spell nothing.

            Returns:
                string `(B,)`; what is not UTF-8 is U+FFFD.
            """
            return spelt_texts(token_ids, self._spelt[bool(skip_special_tokens)])

        def _tokens(self, texts):
            """Return the ids of each text, ragged `(B, None)`."""
            words, marks = self._words(texts)
            words, which = tf.unique(words)  # most words come often
            marked = tf.RaggedTensor.from_tensor(self._marks[:, None])
            rows = tf.concat([marked, self._merges(words)], axis=0)
            place = tf.where(marks > 0, marks - 1, which + tf.size(self._marks))
            return rows_between_ends(tf.gather(rows, place).flat_values)

        def _cut(self, rows):
            if self.max_length is None:
                return rows
            most = self.max_length - self._frame_length
            return cut(rows, tf.minimum(rows.row_lengths(), most))

        def _framed(self, parts):
            """Put `<s>` before the parts, `</s>` behind each and between them."""
            if not self._frame_length:
                return tf.concat(parts, axis=1)
            column = tf.ones([parts[0].nrows(), 1], "int32")
            cls, sep = (column * index for index in self._frame)
            framed = [cls, parts[0], sep]
            for part in parts[1:]:
                framed += [sep, part, sep]
            return tf.concat(framed, axis=1)

    return TensorFlowByteBPEModule
