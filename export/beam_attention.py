"""The attention of beams that share one batch row, inside a TensorFlow loop.

The beams of a row stand side by side as tokens of the same position: the decoder runs
on (B, beams) instead of (B beams, 1). The keys of the source are then read once for all
beams, and no cache is reordered: each beam sees its own ancestors among all columns.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from kzoo.layers import kernels


class Source(NamedTuple):
    """One block's keys and values of the source, in the order they are multiplied in.

    Args:
        key: (B, S, N, H), as the block's cache holds it: by this it is recognised.
        turned_key: (B, N, H, S).
        turned_value: (B, N, S, H).
        mask: (B, 1, 1, S) bool, True = real token.
    """

    key: Any
    turned_key: Any
    turned_value: Any
    mask: Any

    @classmethod
    def of(cls, cache, padding_mask) -> "Source":
        """Return that of a cross-attention's `KeyValueCache`.

        Args:
            cache: Of S columns.
            padding_mask: (B, S) bool, True = real token.
        """
        import tensorflow as tf

        return cls(
            cache.key,
            tf.transpose(cache.key, (0, 2, 3, 1)),
            tf.transpose(cache.value, (0, 2, 1, 3)),
            padding_mask[:, None, None],
        )


def ancestors_mask(slots):
    """Return which columns each beam sees: its own ancestors'.

    Column t beams + j is what stood in slot j at step t.

    Args:
        slots: (B, beams, T) int32, the slot in which each beam's ancestor stood at
            each step, and itself at the last.

    Returns:
        (B, 1, beams, T beams) bool.
    """
    import tensorflow as tf

    beams = slots.shape[1]
    seen = slots[..., None] == tf.range(beams)  # (B, beams, T, beams)
    return tf.reshape(seen, (tf.shape(slots)[0], 1, beams, -1))


@contextlib.contextmanager
def beam_attention(sources: list[Source], mask) -> Iterator[None]:
    """Let a decoder's attentions be those of beams for a while.

    Args:
        sources: Of every block.
        mask: What self-attention sees instead of what causality says, or None for
            all.
    """
    by_key = {id(source.key): source for source in sources}

    def attention(query, key, value, _, scale, bias=None, soft_cap=None, *__):
        source = by_key.get(id(key))
        if source is not None:
            return _mixed(query, source, scale, bias, soft_cap)
        scores = kernels.attention_scores(query, key, mask, scale, bias, soft_cap)
        return kernels.attention_mix(scores, value)

    with kernels.replaced(attention=attention):
        yield


def _mixed(query, source, scale, bias, soft_cap):
    import tensorflow as tf

    query = tf.transpose(query * scale, (0, 2, 1, 3))  # (B, N, T, H)
    scores = tf.matmul(query, source.turned_key)  # (B, N, T, S)
    if soft_cap is not None:
        scores = soft_cap * tf.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + tf.cast(bias, scores.dtype)
    scores = tf.where(source.mask, scores, kernels.MASKED_SCORE)
    mixed = tf.matmul(tf.nn.softmax(scores), source.turned_value)
    return tf.transpose(mixed, (0, 2, 1, 3))  # (B, T, N, H)
