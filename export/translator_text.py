"""A translator's text form as a TensorFlow function."""

from collections.abc import Callable


def translating(subject) -> tuple[list, Callable]:
    """Return the function of texts to translations and scores.

    Args:
        subject: A `TranslatorSubject` whose tokenizer has graph forms.

    Returns:
        What is to be tracked, and a `tf.function` that returns `translation` and
        `score`.
    """
    import tensorflow as tf

    tokenizer = subject.graph_tokenizer

    def function(text):
        # One text more than given: a batch of none has no longest row to pad to.
        tokens = tokenizer(tf.concat([text, [""]], axis=0))
        found = subject.translated(
            tokens["token_ids"][:-1], tokens["padding_mask"][:-1]
        )
        texts = tokenizer.decode(tf.cast(found["output_ids"], "int32"))
        return {
            "translation": tf.ensure_shape(texts, [None]),
            "score": tf.ensure_shape(found["score"], [None]),
        }

    return [tokenizer], tf.function(function, autograph=False)
