"""SentencePiece inside a TensorFlow graph, with the ids of the host."""

import functools

from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT
from kzoo.export.graph_tokenizers.onnx_byte_decoding import WHITESPACE
from kzoo.export.graph_tokenizers.sentencepiece_spelling import spelt_tokens
from kzoo.export.graph_tokenizers.sentencepiece_tables import (
    graph_model,
    sentencepiece_limitations,
    sides,
)
from kzoo.export.graph_tokenizers.tensorflow_rows import cut
from kzoo.tokenizers.sentencepiece_checks import check_max_length


def TensorFlowSentencePiece(tokenizer, max_length: int | None):  # noqa: N802  a class, made late
    """Return a `tf.Module` that turns texts into ids as the host tokenizer does.

    It is called with `text`, string `(B,)`, of the source language, and returns
    `token_ids` int32 `(B, T)` and `padding_mask` bool `(B, T)` (True = real token), T
    being the longest row of the batch. Its method `decode(token_ids)` turns ids
    `(B, T)` of the target language into strings `(B,)`. It holds static tables alone,
    so it can be part of a SavedModel; whoever loads that imports `tensorflow_text`
    first.

    Args:
        tokenizer: A `TranslationTokenizer`, or a `SentencePieceTokenizer`, which is
            then source and target.
        max_length: The most ids of a row, the end included; None for all.

    Returns:
        The module. Its `limitations` say for which texts it may differ.

    Raises:
        InputError: A `max_length` below 1.

    Example:
        >>> import tensorflow as tf
        >>> from kzoo.tokenizers import SentencePieceTokenizer
        >>> texts = ["low lower lowest", "slow lower", "new newer newest"]
        >>> tokenizer = SentencePieceTokenizer.train(texts, 24, model_type="bpe")
        >>> encode = TensorFlowSentencePiece(tokenizer, max_length=8)
        >>> ids = encode(tf.constant(["slower", ""]))["token_ids"]
        >>> ids[1].numpy().tolist() == [tokenizer.end_id] + [tokenizer.pad_id] * 3
        True
        >>> encode.decode(ids).numpy().tolist()
        [b'slower', b'']
    """
    check_max_length(max_length)
    return _module_class()(tokenizer, max_length)


@functools.cache
def _module_class():
    """Return the class; TensorFlow is imported only when the first is made."""
    import tensorflow as tf

    spaces = "".join(rf"\x{{{code:x}}}" for code in WHITESPACE)

    class TensorFlowSentencePieceModule(tf.Module):
        """See `TensorFlowSentencePiece`."""

        def __init__(self, tokenizer, max_length):
            super().__init__(name="sentencepiece")
            import tensorflow_text

            source, target = sides(tokenizer)
            self.max_length = max_length
            self.limitations = sentencepiece_limitations(tokenizer)
            self.pad_id = source.pad_id
            self.end_id = source.end_id
            self._has_languages = source.has_own_vocabulary
            self._pieces = tensorflow_text.SentencepieceTokenizer(
                model=graph_model(source),
                out_type=tf.string,  # type: ignore[arg-type]
            )
            self._ids = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant([token.encode() for token in source.text_ids]),
                    tf.constant(list(source.text_ids.values()), "int32"),
                ),
                default_value=source.unknown_id,
            )
            spelt, self._has_bytes = spelt_tokens(target)
            self._spelt = tf.constant(spelt)
            self._size = len(spelt) - 1

        def __call__(self, text):
            """Return `token_ids` and `padding_mask`, each `(B, T)`."""
            text = tf.strings.unicode_transcode(
                text, "UTF-8", "UTF-8", "replace", replacement_char=REPLACEMENT
            )
            parts = []
            if self._has_languages:
                language, text = _language_and_rest(text)
                parts.append(language)
            parts.append(self._pieces.tokenize(text))
            pieces = tf.concat(parts, axis=1)
            ids = pieces.with_flat_values(self._ids.lookup(pieces.flat_values))
            if self.max_length is not None:
                ids = cut(ids, tf.minimum(ids.row_lengths(), self.max_length - 1))
            end = tf.fill([ids.nrows(), 1], self.end_id)
            ids = tf.concat([ids, end], axis=1)
            return {
                "token_ids": ids.to_tensor(self.pad_id),
                "padding_mask": tf.sequence_mask(ids.row_lengths()),
            }

        def decode(self, token_ids):
            """Return the texts that rows of ids spell, special tokens left out.

            Args:
                token_ids: `(B, T)`; what is no token's id spells nothing.

            Returns:
                string `(B,)`; a byte that is not UTF-8 is U+FFFD.
            """
            known = (token_ids >= 0) & (token_ids < self._size)
            spelt = tf.gather(self._spelt, tf.where(known, token_ids, self._size))
            text = tf.strings.reduce_join(spelt, axis=-1)
            if self._has_bytes:
                text = _with_replacements(text)
            return tf.strings.regex_replace(text, f"^[{spaces}]+|[{spaces}]+$", "")

    return TensorFlowSentencePieceModule


def _language_and_rest(text):
    """Return the language token of each text, ragged `(B, None)`, and what follows."""
    import tensorflow as tf

    has = tf.strings.regex_full_match(text, "(?s)>>.*?<<.*")
    language = tf.strings.regex_replace(text, "(?s)^(>>.*?<<).*$", r"\1")
    rest = tf.strings.regex_replace(text, "(?s)^>>.*?<<", "", replace_global=False)
    return tf.ragged.boolean_mask(language[:, None], has[:, None]), rest


def _with_replacements(text):
    """Put U+FFFD for each byte that is not UTF-8, string `(B,)`.

    The decoder takes several such bytes for one; how many tell the offsets.
    """
    import tensorflow as tf

    codes, begins = tf.strings.unicode_decode_with_offsets(
        text, "UTF-8", errors="replace", replacement_char=REPLACEMENT
    )
    row, begin = codes.value_rowids(), begins.flat_values
    following = tf.concat([begin[1:], [0]], axis=0)
    last = row != tf.concat([row[1:], [-1]], axis=0)
    whole = tf.cast(tf.gather(tf.strings.length(text), row), "int64")
    size = tf.cast(tf.where(last, whole, following) - begin, "int32")
    spelt = tf.strings.substr(tf.gather(text, row), tf.cast(begin, "int32"), size)
    broken = (codes.flat_values == REPLACEMENT) & (spelt != chr(REPLACEMENT).encode())
    times = tf.where(broken, size, 1)
    counts = tf.reduce_sum(codes.with_flat_values(times), axis=1)
    repeated = tf.repeat(codes.flat_values, times)
    return tf.strings.unicode_encode(
        tf.RaggedTensor.from_row_lengths(repeated, counts), "UTF-8"
    )
