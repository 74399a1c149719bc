"""Words to tokens by merging bytes inside a TensorFlow graph."""

import numpy as np

from kzoo.export.graph_tokenizers.byte_bpe_tables import merge_tables, whole_words
from kzoo.tokenizers.byte_alphabet import characters_of_bytes

_NO_RANK = np.iinfo("int64").max


class TensorFlowMerges:
    """Turns words into the ids that merging their bytes leaves.

    A word that is one token is looked up whole. The others are merged together, a
    round for each merge: of each word the pair of lowest rank is joined wherever it
    stands; a word without such a pair is done.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
    """

    def __init__(self, tokenizer) -> None:
        import tensorflow as tf

        def table(keys, values, default):
            return tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(keys), tf.constant(values)
                ),
                default_value=default,
            )

        whole = whole_words(tokenizer)
        self.whole = table(list(whole), np.array(list(whole.values()), "int32"), -1)
        merges = merge_tables(tokenizer)
        self.at_once = merges.at_once
        # An empty table cannot be made, nor can one be gathered from.
        keys = np.append(merges.keys, -1)
        self.ranks = table(keys, np.append(merges.ranks, _NO_RANK), _NO_RANK)
        self.merged = tf.constant(np.append(merges.merged, 0).astype("int32"))
        self.size = tokenizer.vocabulary_size
        self.byte_ids = tf.constant(
            [tokenizer.token_to_id(c) for c in characters_of_bytes()], "int32"
        )

    def __call__(self, words):
        """Return the ids of each word.

        Args:
            words: string `(words,)`, UTF-8.

        Returns:
            int32 `tf.RaggedTensor` `(words, None)`.
        """
        import tensorflow as tf

        whole = self.whole.lookup(words)
        known = whole >= 0
        merged = self._merge(tf.boolean_mask(words, tf.logical_not(known)))
        single = tf.boolean_mask(whole, known)
        rows = tf.concat([tf.RaggedTensor.from_tensor(single[:, None]), merged], axis=0)
        number = tf.cast(known, "int32")
        place = tf.where(
            known,
            tf.cumsum(number) - 1,
            tf.size(single) + tf.cumsum(1 - number) - 1,
        )
        return tf.gather(rows, place)

    def _merge(self, words):
        """Return the ids of words that are more than one token each."""
        import tensorflow as tf

        split = tf.strings.bytes_split(words)
        byte = tf.reshape(tf.io.decode_raw(split.flat_values, tf.uint8), [-1])
        token = tf.gather(self.byte_ids, tf.cast(byte, "int32"))
        word = tf.cast(split.value_rowids(), "int32")
        place = tf.range(tf.size(token))
        left = tf.fill(tf.shape(token), -1)  # what is left at each place
        *_, left = tf.while_loop(
            lambda token, word, place, left: tf.size(token) > 0,
            self._round,
            (token, word, place, left),
            shape_invariants=(tf.TensorShape([None]),) * 4,
        )
        stays = left >= 0
        lengths = tf.math.unsorted_segment_sum(
            tf.cast(stays, "int64"), word, tf.size(words)
        )
        return tf.RaggedTensor.from_row_lengths(tf.boolean_mask(left, stays), lengths)

    def _round(self, token, word, place, left):
        """Join one pair of each word, and put words that are done aside."""
        import tensorflow as tf

        key = tf.cast(token[:-1], "int64") * self.size + tf.cast(token[1:], "int64")
        rank = tf.where(word[:-1] == word[1:], self.ranks.lookup(key), _NO_RANK)
        rank = tf.concat([rank, [_NO_RANK]], axis=0)
        best = tf.gather(tf.math.segment_min(rank, word), word)
        done = best == _NO_RANK
        left = tf.tensor_scatter_nd_update(
            left, tf.boolean_mask(place, done)[:, None], tf.boolean_mask(token, done)
        )
        hit = (rank == best) & (best != _NO_RANK)
        index = tf.range(tf.size(token))
        if self.at_once:
            # Of a run of places that overlap, as in `aaaa`, every other one is joined.
            first = hit & tf.concat([[True], tf.logical_not(hit[:-1])], axis=0)
            run = tf.maximum(tf.cumsum(tf.cast(first, "int32")) - 1, 0)
            begins = tf.concat([tf.boolean_mask(index, first), [0]], axis=0)
            joined = hit & ((index - tf.gather(begins, run)) % 2 == 0)
        else:
            far = tf.where(hit, index, tf.size(token))
            joined = index == tf.gather(tf.math.segment_min(far, word), word)
        new = tf.gather(self.merged, tf.where(joined, rank, 0))
        token = tf.where(joined, new, token)
        gone = done | tf.concat([[False], joined[:-1]], axis=0)
        stays = tf.logical_not(gone)
        token, word, place = (tf.boolean_mask(x, stays) for x in (token, word, place))
        return token, word, place, left
