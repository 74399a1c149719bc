"""Kernels that need TensorFlow itself: this file, for one, knows a backend."""

from keras import ops


def lookup(table, ids):
    """Return `kernels.lookup` with a dense gradient, (V, D).

    TensorFlow's own gradient of a gather lists a row for each id, an id that comes
    twice twice. The norm of such a list is not that of the gradient, and clipping by it
    goes wrong.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def gather(table):
        def gradient(upstream):
            rows = tf.reshape(upstream, [-1, *table.shape[1:]])
            flat = tf.reshape(ids, [-1])
            return tf.math.unsorted_segment_sum(rows, flat, table.shape[0])

        return tf.gather(table, ids), gradient

    return gather(tf.convert_to_tensor(table))


def product(x, weight, bias):
    """Return `kernels.product` with gradients of weight and bias in their own types."""
    import tensorflow as tf

    @tf.custom_gradient
    def wide(x, weight, *bias):
        narrow = tf.cast(weight, x.dtype)
        y = ops.matmul(x, narrow)
        for b in bias:
            y = y + tf.cast(b, x.dtype)

        def gradient(upstream):
            # TensorFlow has no product of half precision with sums in float32.
            flat, upstream_flat = (
                tf.cast(tf.reshape(t, [-1, width]), weight.dtype)
                for t, width in zip((x, upstream), weight.shape, strict=True)
            )
            return (
                ops.matmul(upstream, tf.transpose(narrow)),
                tf.matmul(flat, upstream_flat, transpose_a=True),
                *(tf.reduce_sum(upstream_flat, axis=0) for _ in bias),
            )

        return y, gradient

    parts = [weight] if bias is None else [weight, bias]
    return wide(x, *(tf.convert_to_tensor(part) for part in parts))
