"""The texts that a translator's artefact reads, inside the graph."""

from typing import Any, NamedTuple


class SourceRows(NamedTuple):
    """Texts of unlike lengths that all start in the first column.

    Args:
        token_ids: (B, S) int32, 0 in the padding.
        padding_mask: (B, S) bool, True = real token.
        lengths: (B,) int32, the real tokens of each row; 0 where there is nothing to
            translate, though one stands there.
        rows: int32 scalar, how many of the B were given: where none were, B is 1.
    """

    token_ids: Any
    padding_mask: Any
    lengths: Any
    rows: Any


def source_rows(token_ids, attention_mask, *, end_id: int, context: int) -> SourceRows:
    """Return the texts moved to the left, whatever side their padding is on.

    A text longer than the context loses its last tokens but for the end, which stays.

    Args:
        token_ids: (B, S) integers.
        attention_mask: (B, S) integers, not 0 = real token.
        end_id: The id that ends texts.
        context: The most tokens that the model reads.

    Returns:
        Texts as wide as the longest.
    """
    import tensorflow as tf

    rows = tf.shape(token_ids)[0]
    # A row without tokens needs a column to stand in. And one row at least: ONNX
    # Runtime sorts no rows of none.
    more = [[0, tf.maximum(1 - rows, 0)], [0, 1]]
    ids = tf.pad(tf.cast(token_ids, "int32"), more)
    mask = tf.pad(tf.cast(attention_mask, "int32"), more) != 0
    width = tf.shape(ids)[1]
    columns = tf.range(width)
    order = tf.argsort(columns - width * tf.cast(mask, "int32"))  # padding last
    ids = tf.gather(ids, order, batch_dims=1)
    lengths = tf.reduce_sum(tf.cast(mask, "int32"), axis=1)
    is_word = columns < lengths[:, None]
    is_word = tf.logical_and(is_word, ids != end_id)
    has_words = tf.reduce_any(is_word, axis=1)
    kept = tf.clip_by_value(lengths, 1, context)
    ends = tf.logical_or(lengths > context, lengths == 0)
    ends = tf.logical_and(ends[:, None], columns == kept[:, None] - 1)
    ids = tf.where(ends, end_id, ids)
    longest = tf.reduce_max(kept)
    mask = tf.range(longest) < kept[:, None]
    ids = tf.where(mask, first_columns(ids, longest), 0)
    return SourceRows(ids, mask, tf.where(has_words, kept, 0), rows)


def first_columns(x, count):
    """Return the first columns of (B, T), `count` an int32 scalar.

    The converter writes a slice of two axes with limits in float32, which a graph in
    float16 cannot hold.
    """
    import tensorflow as tf

    return tf.gather(x, tf.range(count), axis=1)


def read_source(token_ids, *, end_id: int, context: int) -> list[int]:
    """Return what is read of one text, as `source_rows` does; [] for nothing.

    Args:
        token_ids: The ids of a text.
        end_id: See `source_rows`.
        context: Likewise.

    Example:
        >>> read_source([7, 8, 9, 5, 0], end_id=0, context=4)
        [7, 8, 9, 0]
        >>> read_source([0], end_id=0, context=4)
        []
    """
    ids = [int(token) for token in token_ids]
    if all(token == end_id for token in ids):
        return []
    return ids if len(ids) <= context else [*ids[: context - 1], end_id]
