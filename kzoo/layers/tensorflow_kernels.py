"""Kernels that need TensorFlow itself: this file, for one, knows a backend."""


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
