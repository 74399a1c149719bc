"""Ragged rows of ids, and their texts, inside a TensorFlow graph."""

from kzoo.export.graph_tokenizers.normalisation_tables import REPLACEMENT


def cut(ragged, kept):
    """Return the first `kept[b]` values of each row b.

    Args:
        ragged: `tf.RaggedTensor` `(B, None)`.
        kept: int64 `(B,)`.

    Returns:
        A `tf.RaggedTensor`.
    """
    import tensorflow as tf

    lengths = ragged.row_lengths()
    inside = tf.ragged.range(lengths).flat_values < tf.repeat(kept, lengths)
    return tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(ragged.flat_values, inside), kept
    )


def kept_lengths(first, second, budget):
    """Return what `kzoo.tokenizers.framing.kept_lengths` does, for each row.

    Args:
        first: int64 `(B,)`, the tokens of the first texts.
        second: int64 `(B,)`, those of the second.
        budget: Tokens that both together may keep.

    Returns:
        The tokens to keep of the first and of the second, int64 `(B,)` each.
    """
    import tensorflow as tf

    shorter = tf.minimum(tf.minimum(first, second), budget // 2)
    longer = budget - shorter
    fits = first + second <= budget
    cut_first = tf.where(first > second, longer, shorter)
    cut_second = tf.where(first > second, shorter, longer)
    return tf.where(fits, first, cut_first), tf.where(fits, second, cut_second)


def rows_between_ends(ids):
    """Return the rows of a flat list in which -1 stands behind each row.

    Args:
        ids: int32 `(N,)`.

    Returns:
        A `tf.RaggedTensor` `(B, None)` without the ends.
    """
    import tensorflow as tf

    ends = tf.where(ids < 0)[:, 0]
    # Each row's end goes too: the k-th one has k ends before it.
    limits = ends - tf.range(tf.size(ends, out_type=tf.int64))
    return tf.RaggedTensor.from_row_limits(tf.boolean_mask(ids, ids >= 0), limits)


def named_rows(ids, pad_id):
    """Return what a tokenizer's module returns, padded behind each row.

    Args:
        ids: A `tf.RaggedTensor`, int32 `(B, None)`.
        pad_id: The id that fills rows up.

    Returns:
        `token_ids`, `padding_mask` and `segment_ids`, which are all 0.
    """
    import tensorflow as tf

    padded = ids.to_tensor(pad_id)
    return {
        "token_ids": padded,
        "padding_mask": tf.sequence_mask(ids.row_lengths()),
        "segment_ids": tf.zeros_like(padded),
    }


def spelt_texts(ids, spelt):
    """Return the texts that rows of ids spell.

    Args:
        ids: int32 `(B, T)`; what is no token's id spells nothing.
        spelt: string `(V + 1,)`, the bytes of each id and, last, none.

    Returns:
        string `(B,)`; what is not UTF-8 is U+FFFD.
    """
    import tensorflow as tf

    size = tf.size(spelt) - 1
    known = (ids >= 0) & (ids < size)
    joined = tf.strings.reduce_join(
        tf.gather(spelt, tf.where(known, ids, size)), axis=-1
    )
    return tf.strings.unicode_transcode(
        joined, "UTF-8", "UTF-8", "replace", replacement_char=REPLACEMENT
    )
