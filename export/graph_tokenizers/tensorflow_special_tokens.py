"""Finding special tokens that are spelt out, inside a TensorFlow graph."""

from kzoo.export.graph_tokenizers.special_patterns import special_patterns


class TensorFlowSpecialTokens:
    """Finds tokens in code points; where several begin, the longest one.

    Args:
        tokens: The tokens, the longer ones first; one or more.
    """

    def __init__(self, tokens: tuple[str, ...]) -> None:
        import tensorflow as tf

        patterns = special_patterns(tokens, as_bytes=False)
        self.patterns = tf.constant(patterns.units)
        self.longest = patterns.units.shape[1]
        self.lengths = tf.constant(patterns.lengths)
        self.first_units = tf.constant(patterns.first_units)

    def __call__(self, codes):
        """Return where tokens stand.

        Args:
            codes: int32 `(N,)`, code points; below 0 where nothing is one.

        Returns:
            The places where they begin, int32 `(K, 1)`, which ones they are, int32
            `(K,)`, and the places of all their other code points, int32 `(R, 1)`.
        """
        import tensorflow as tf

        first = tf.reduce_any(codes[:, None] == self.first_units, axis=1)
        places = tf.cast(tf.where(first), "int32")  # (K, 1)
        # What stands behind the end is in no token: -1 is the end of a shorter one.
        padded = tf.pad(codes, [[0, self.longest]], constant_values=-2)
        windows = tf.gather(padded, places + tf.range(self.longest))  # (K, longest)
        same = (windows[:, None, :] == self.patterns) | (self.patterns < 0)
        matches = tf.reduce_all(same, axis=2)  # (K, tokens)
        found = tf.reduce_any(matches, axis=1)
        places = tf.boolean_mask(places[:, 0], found)
        which = tf.argmax(tf.boolean_mask(matches, found), 1, output_type=tf.int32)
        ends = places + tf.gather(self.lengths, which)
        rest = tf.ragged.range(places + 1, ends).flat_values
        return places[:, None], which, rest[:, None]
