"""Caches as what a loop passes from round to round, inside a graph or outside."""

from collections.abc import Sequence

from keras import ops

# The order of a cache's axes in kzoo's layers, (B, S, K, H).
COLUMNS_FIRST = (0, 1, 2, 3)
# As ONNX Runtime multiplies them: heads before columns, in the loop's state too.
HEADS_FIRST = (0, 2, 1, 3)


def swapped(x):
    """Return (B, N, S, H) of (B, S, N, H), or the other way round."""
    return ops.transpose(x, HEADS_FIRST)


def tensors_of(cache, axes: Sequence[int] = COLUMNS_FIRST) -> list:
    """Return the tensors of caches as a flat list; what is None is left out.

    Args:
        cache: Nested tuples of tensors (B, S, K, H).
        axes: The order, its own inverse, of the axes in the list.

    Returns:
        The tensors.
    """
    import tensorflow as tf

    flat = [leaf for leaf in tf.nest.flatten(cache) if leaf is not None]
    if tuple(axes) == COLUMNS_FIRST:
        return flat
    return [tf.transpose(tensor, axes) for tensor in flat]


def packed(like, tensors, axes: Sequence[int] = COLUMNS_FIRST):
    """Return the caches that `tensors_of` made the list of.

    Args:
        like: Caches of the same structure.
        tensors: The list.
        axes: As there.

    Returns:
        Caches.
    """
    import tensorflow as tf

    if tuple(axes) != COLUMNS_FIRST:
        tensors = [tf.transpose(tensor, axes) for tensor in tensors]
    left = iter(tensors)
    leaves = [leaf if leaf is None else next(left) for leaf in tf.nest.flatten(like)]
    return tf.nest.pack_sequence_as(like, leaves)


def free_shapes(tensors, axes: Sequence[int] = COLUMNS_FIRST) -> list:
    """Return the shapes of such tensors with batch and columns free."""
    import tensorflow as tf

    return [
        tf.TensorShape(
            [
                None if axes[place] < 2 else size
                for place, size in enumerate(tensor.shape.as_list())
            ]
        )
        for tensor in tensors
    ]
