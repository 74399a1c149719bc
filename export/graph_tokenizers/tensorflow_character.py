"""Characters to ids inside a TensorFlow graph, as on the host."""

import functools

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.byte_bpe_tables import spelt_bytes
from kzoo.export.graph_tokenizers.character_tables import (
    LEFT_OUT,
    character_limitations,
    character_tables,
)
from kzoo.export.graph_tokenizers.special_patterns import ROW_END
from kzoo.export.graph_tokenizers.tensorflow_characters import TensorFlowCharacters
from kzoo.export.graph_tokenizers.tensorflow_rows import (
    cut,
    named_rows,
    rows_between_ends,
    spelt_texts,
)


def TensorFlowCharacter(tokenizer, max_length: int | None):  # noqa: N802  a class, made late
    """Return a `tf.Module` that turns texts into ids as the host tokenizer does.

    It is called with `text`, string `(B,)`, and returns `token_ids` int32 `(B, T)`,
    `padding_mask` bool `(B, T)` (True = real token) and `segment_ids` int32 `(B, T)`,
    all 0, T being the longest row of the batch. Its method
    `decode(token_ids, skip_special_tokens=True)` turns ids `(B, T)` back into strings
    `(B,)`. It holds constants and TensorFlow's own operators alone.

    Args:
        tokenizer: A `kzoo.tokenizers.CharacterTokenizer`.
        max_length: The most ids of a row; None for all.

    Returns:
        The module. Its `limitations` say for which texts the ids may differ.

    Raises:
        InputError: `max_length` is below 1.

    Example:
        >>> import tensorflow as tf
        >>> from kzoo.tokenizers import CharacterTokenizer
        >>> encode = TensorFlowCharacter(CharacterTokenizer.train(["to be"]), None)
        >>> ids = encode(tf.constant(["tot", "bee"]))["token_ids"]
        >>> encode.decode(ids).numpy().tolist()
        [b'tot', b'bee']
    """
    check_length(max_length)
    return _module_class()(tokenizer, max_length)


def check_length(max_length: int | None) -> None:
    """Raise if a row could hold no id.

    Raises:
        InputError: `max_length` is below 1.
    """
    if max_length is not None and max_length < 1:
        raise InputError(
            "max_length leaves room for a token.",
            f"max_length={max_length}",
            "Pass 1 or more.",
        )


@functools.cache
def _module_class():
    """Return the class; TensorFlow is imported only when the first is made."""
    import tensorflow as tf

    class TensorFlowCharacterModule(tf.Module):
        """See `TensorFlowCharacter`."""

        def __init__(self, tokenizer, max_length):
            super().__init__(name="characters")
            self.max_length = max_length
            self.limitations = character_limitations(tokenizer)
            self.pad_id = tokenizer.pad_id
            tables = character_tables(tokenizer)
            self._characters = TensorFlowCharacters(tables.tokens)
            self._ids = tf.constant(tables.ids)
            self._values = tf.constant(tables.values)
            self._spelt = {
                skip: tf.constant(spelt_bytes(tokenizer, skip))
                for skip in (True, False)
            }

        def __call__(self, text):
            """Return `token_ids`, `padding_mask` and `segment_ids`, each `(B, T)`."""
            codes, marks = self._characters(tf.convert_to_tensor(text))
            known = tf.clip_by_value(codes, 0, tf.size(self._ids) - 1)
            values = tf.gather(self._values, tf.maximum(marks - ROW_END, 0))
            ids = tf.where(marks > 0, values, tf.gather(self._ids, known))
            rows = rows_between_ends(tf.boolean_mask(ids, ids != LEFT_OUT))
            if self.max_length is not None:
                rows = cut(rows, tf.minimum(rows.row_lengths(), self.max_length))
            return named_rows(rows, self.pad_id)

        def decode(self, token_ids, skip_special_tokens=True):
            """Return the texts that rows of ids spell.

            Args:
                token_ids: `(B, T)`; what is no token's id spells nothing.
                skip_special_tokens: Whether special tokens spell nothing.

            Returns:
                string `(B,)`.
            """
            return spelt_texts(token_ids, self._spelt[bool(skip_special_tokens)])

    return TensorFlowCharacterModule
