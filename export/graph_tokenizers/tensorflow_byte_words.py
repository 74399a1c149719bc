"""Texts to the words of byte-level BPE inside a TensorFlow graph."""

from kzoo.export.graph_tokenizers.byte_bpe_tables import (
    APOSTROPHE,
    BLOCK,
    LONG_ENDINGS,
    MARK,
    SHORT_ENDINGS,
    SPACE,
    character_classes,
    marked_tokens,
)
from kzoo.export.graph_tokenizers.special_patterns import ROW_END
from kzoo.export.graph_tokenizers.tensorflow_characters import (
    NO_CODE,
    TensorFlowCharacters,
)
from kzoo.tokenizers.byte_bpe_backend import takes_space

_BLANK = ord(" ")


class TensorFlowByteWords:
    r"""Splits texts into the words that the Rust splitter gives.

    GPT-2's rule is the expression `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
    ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. What it comes to: a word is a run of letters, of
    numbers, of signs or of whitespace; a blank before a run of another kind belongs to
    that run, so whitespace before something keeps all but its last character; and an
    apostrophe that begins a word makes one with some endings. So where words begin
    follows from each character and its neighbours.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
    """

    def __init__(self, tokenizer) -> None:
        import tensorflow as tf

        classes = character_classes()
        self.index = tf.constant(classes.index)
        self.blocks = tf.constant(classes.blocks.reshape(-1))
        self.add_prefix_space = tokenizer.add_prefix_space
        self.tokens = marked_tokens(tokenizer)
        taking = [takes_space(tokenizer, token) for token in self.tokens]
        self._characters = TensorFlowCharacters(self.tokens, taking)

    def __call__(self, texts):
        """Return the words of all texts, one behind the other.

        Args:
            texts: string `(B,)`.

        Returns:
            The words, string `(words,)`, and their marks, int32 `(words,)`: 0 for a
            word, `ROW_END` behind the words of each text, and `ROW_END + 1 + k` for
            the k-th of `tokens`.
        """
        import tensorflow as tf

        codes, marks = self._characters(texts)
        if self.add_prefix_space:
            codes, marks = self._with_prefix_spaces(codes, marks)
        known = tf.maximum(codes, 0)
        block = tf.gather(self.index, known // BLOCK)
        classes = tf.gather(self.blocks, block * BLOCK + known % BLOCK)
        classes = tf.where(marks > 0, MARK, classes)
        starts = tf.where(_starts(codes, classes))[:, 0]
        words = tf.RaggedTensor.from_row_starts(known, starts)
        return tf.strings.unicode_encode(words, "UTF-8"), tf.gather(marks, starts)

    def _with_prefix_spaces(self, codes, marks):
        """Put a blank before each stretch between marks that begins with none."""
        import tensorflow as tf

        before = tf.concat([[ROW_END], marks[:-1]], axis=0)
        wanting = (before > 0) & (marks == 0) & (codes != _BLANK)
        source = tf.repeat(tf.range(tf.size(codes)), 1 + tf.cast(wanting, "int32"))
        new = source == tf.concat([source[1:], [-1]], axis=0)
        return (
            tf.where(new, _BLANK, tf.gather(codes, source)),
            tf.where(new, 0, tf.gather(marks, source)),
        )


def _starts(codes, classes):
    """Return where words begin, bool `(N,)`."""
    import tensorflow as tf

    def behind(values, by, fill):  # the value `by` places further
        rest = tf.concat([values[by:], tf.fill([by], fill)], axis=0)
        return rest[: tf.size(values)]

    def before(values, by, fill):  # the value `by` places back
        return tf.concat([tf.fill([by], fill), values], axis=0)[: tf.size(values)]

    space = classes == SPACE
    after_space = before(space, 1, False)
    following = behind(classes, 1, MARK)
    last_space = (following != SPACE) & (following != MARK)
    other = (classes != before(classes, 1, MARK)) & (
        before(codes, 1, NO_CODE) != _BLANK
    )
    starts = tf.where(
        space, tf.logical_not(after_space) | last_space, other | (classes == MARK)
    )
    one, two = behind(codes, 1, NO_CODE), behind(codes, 2, NO_CODE)
    head = starts & (codes == APOSTROPHE)
    short = head & tf.reduce_any(
        one[:, None] == [ord(letter) for letter in SHORT_ENDINGS], axis=1
    )
    long = tf.zeros_like(head)
    for first, second in LONG_ENDINGS:
        long |= head & (one == ord(first)) & (two == ord(second))
    starts &= tf.logical_not(before(short | long, 1, False))
    return starts | before(short, 2, False) | before(long, 3, False)
