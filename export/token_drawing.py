"""Drawing the next tokens at random, inside a TensorFlow graph."""

from collections.abc import Callable


def drawing(temperature, top_k, top_p, seed) -> Callable:
    """Return a chooser of tokens for `kzoo.export.generation_loop.generate`.

    ```
    p = softmax(logits / temperature), 0 but for the top_k greatest, 0 but for the
    fewest of those that have top_p of what is left
    ```

    What is drawn depends on the seed, the number of the token and the row alone. The
    distribution is that of `kzoo.generation.Filtered([TopK(k), TopP(p)])`.

    Args:
        temperature: float32 scalar; 0 or less takes the most probable token.
        top_k: int32 scalar; 0 or less for all, 1 for the most probable token.
        top_p: float32 scalar; 1 or more for all.
        seed: int64 scalar.

    Returns:
        A function of logits (B, V) and the number of the token, an int32 scalar, to
        ids (B,) int32.

    Reference:
        Fan et al. 2018, arXiv:1805.04833, section 5.4; Holtzman et al. 2019,
        arXiv:1904.09751, section 3.1.
    """
    import tensorflow as tf

    def choose(logits, step):
        size = tf.shape(logits)[1]
        best = tf.argmax(logits, axis=-1, output_type="int32")
        heat = tf.where(temperature > 0, tf.cast(temperature, "float64"), 1.0)
        weights = tf.nn.softmax(tf.cast(logits, "float64") / heat)
        order = tf.argsort(weights, axis=-1, direction="DESCENDING", stable=True)
        weights = tf.gather(weights, order, batch_dims=1)
        # Those that tie with the last of the k stay, as on the host.
        last = tf.where(top_k > 0, tf.minimum(top_k, size), size) - 1
        weights = tf.where(weights >= weights[:, last, None], weights, 0.0)
        before = tf.cumsum(weights, axis=-1, exclusive=True)
        nucleus = before < tf.cast(top_p, "float64") * _total(weights)
        # The most probable one stays whatever top_p is.
        nucleus = tf.logical_or(nucleus, tf.range(size) == 0)
        nucleus = tf.logical_or(nucleus, top_p >= 1)
        weights = tf.where(nucleus, weights, 0.0)
        key = tf.stack([seed, tf.cast(step, "int64")])
        share = tf.random.stateless_uniform(tf.shape(best), key, dtype="float64")
        drawn = share[:, None] * _total(weights)
        place = tf.cast(tf.cumsum(weights, axis=-1) <= drawn, "int32")
        # Rounding may leave the last sum below the total.
        place = tf.minimum(tf.reduce_sum(place, axis=-1), _last_place(weights))
        ids = tf.gather(order, place, batch_dims=1)
        certain = tf.logical_or(temperature <= 0, top_k == 1)
        return tf.where(certain, best, ids)

    return choose


def _total(weights):
    import tensorflow as tf

    return tf.reduce_sum(weights, axis=-1, keepdims=True)


def _last_place(weights):
    """Return the last place of each row that may be drawn, (B,) int32."""
    import tensorflow as tf

    return tf.math.count_nonzero(weights, axis=-1, dtype="int32") - 1
