"""Decoding as one TensorFlow loop, for artefacts that generate by themselves."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kzoo.export.loop_state import COLUMNS_FIRST, free_shapes, packed, tensors_of


class Prompts(NamedTuple):
    """Prompts of unlike lengths that all end in the last column.

    Args:
        token_ids: (B, T) int32, 0 in the padding.
        padding_mask: (B, T) bool, True = real token.
        lengths: (B,) int32, the real tokens of each row, 1 or more.
        rows: int32 scalar, how many of the B were given: where none were, B is 1.
    """

    token_ids: Any
    padding_mask: Any
    lengths: Any
    rows: Any


class Ends(NamedTuple):
    """Where generation starts and ends.

    Args:
        start_id: What a row without tokens starts from.
        end_id: The id that ends a row; None if none does.
        fill_id: What stands behind the end of a row, -1 where no token can.
        context: The longest text, prompt and new tokens together.
    """

    start_id: int
    end_id: int | None
    fill_id: int
    context: int


def greedy(logits, step):
    """Return the ids of the greatest logits, (B,) int32."""
    import tensorflow as tf

    return tf.argmax(logits, axis=-1, output_type="int32")


def kept_length(max_new_tokens: int, context: int) -> int:
    """Return how many tokens stay, the last ones, of a prompt beyond the context."""
    return max(context - max_new_tokens, context // 2, 1)


def prompts_of(token_ids, attention_mask, max_new_tokens, ends: Ends) -> Prompts:
    """Return the prompts moved to the right, whatever side their padding is on.

    A prompt longer than the context loses its beginning; see `kept_length`.

    Args:
        token_ids: (B, T) integers.
        attention_mask: (B, T) integers, not 0 = real token.
        max_new_tokens: int32 scalar.
        ends: Of which the context and the start id are used.

    Returns:
        Prompts as wide as the longest.
    """
    import tensorflow as tf

    rows = tf.shape(token_ids)[0]
    # One column more on the left: a row without tokens needs one to start from. And
    # one row at least: ONNX Runtime takes no greatest logit of none.
    more = [[0, tf.maximum(1 - rows, 0)], [1, 0]]
    ids = tf.pad(tf.cast(token_ids, "int32"), more)
    mask = tf.pad(tf.cast(attention_mask, "int32"), more) != 0
    width = tf.shape(ids)[1]
    columns = tf.range(width)
    order = tf.argsort(columns + width * tf.cast(mask, "int32"))  # padding first
    ids = tf.gather(ids, order, batch_dims=1)
    lengths = tf.reduce_sum(tf.cast(mask, "int32"), axis=1)
    from_start = tf.logical_and(lengths[:, None] == 0, columns == width - 1)
    ids = tf.where(from_start, ends.start_id, ids)
    keep = tf.maximum(ends.context - max_new_tokens, max(ends.context // 2, 1))
    lengths = tf.where(lengths > ends.context, keep, tf.maximum(lengths, 1))
    longest = tf.reduce_max(lengths)
    ids = ids[:, width - longest :]
    mask = tf.range(longest) >= longest - lengths[:, None]
    return Prompts(tf.where(mask, ids, 0), mask, lengths, rows)


def generate(
    model,
    prompts: Prompts,
    max_new_tokens,
    ends: Ends,
    choose: Callable,
    *,
    cache_axes: tuple[int, ...] = COLUMNS_FIRST,
):
    """Return the new ids of every row.

    The caches grow by a column for each token. The loop ends with the last row.

    Args:
        model: A model with `make_cache`, `call_with_cache` and `head`.
        prompts: What to go on from.
        max_new_tokens: int32 scalar, how many at most.
        ends: What ends a row.
        choose: Function of logits (B, V) and the number of the token, an int32
            scalar from 0, to ids (B,) int32.
        cache_axes: The order, its own inverse, in which the loop keeps the caches'
            axes: of the four of (B, S, K, H).

    Returns:
        (B, T) int32, T the new tokens of the longest row, its end token included.
    """
    import tensorflow as tf

    batch = tf.shape(prompts.token_ids)[0]
    columns = tf.range(tf.shape(prompts.token_ids)[1])
    first = tf.shape(prompts.token_ids)[1] - prompts.lengths
    empty = model.make_cache(batch, 0)
    x, cache = model.call_with_cache(
        prompts.token_ids,
        empty,
        padding_mask=prompts.padding_mask,
        positions=tf.maximum(columns - first[:, None], 0),
    )

    def chosen(x, step, finished):
        logits = model.head(x[:, -1:])[:, 0]
        ids = tf.where(finished, ends.fill_id, choose(logits, step))
        if ends.end_id is not None:
            finished = tf.logical_or(finished, ids == ends.end_id)
        full = prompts.lengths + step + 1 >= ends.context
        return ids, tf.logical_or(finished, full)

    def proceed(step, finished, *_):
        return tf.logical_and(
            step < max_new_tokens, tf.logical_not(tf.reduce_all(finished))
        )

    def extend(step, finished, ids, mask, tensors):
        mask = tf.concat([mask, tf.ones_like(mask[:, :1])], axis=1)
        positions = tf.minimum(prompts.lengths + step - 1, ends.context - 1)
        x, cache = model.call_with_cache(
            tf.maximum(ids[:, -1:], 0),
            packed(empty, tensors, cache_axes),
            padding_mask=mask,
            positions=positions[:, None],
        )
        new, finished = chosen(x, step, finished)
        ids = tf.concat([ids, new[:, None]], axis=1)
        return step + 1, finished, ids, mask, tensors_of(cache, cache_axes)

    none_given = tf.range(batch) >= prompts.rows
    full = tf.logical_or(prompts.lengths >= ends.context, none_given)
    most = tf.where(tf.reduce_all(full), 0, max_new_tokens)
    new, finished = chosen(x, tf.constant(0), full)
    tensors = tensors_of(cache, cache_axes)
    state = (tf.constant(1), finished, new[:, None], prompts.padding_mask, tensors)
    free = tf.TensorShape([None, None])
    shapes = (
        tf.TensorShape([]),
        tf.TensorShape([None]),
        free,
        free,
        free_shapes(tensors, cache_axes),
    )
    _, _, ids, _, _ = tf.while_loop(proceed, extend, state, shape_invariants=shapes)
    return ids[: prompts.rows, : tf.maximum(most, 0)]
