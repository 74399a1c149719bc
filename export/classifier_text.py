"""A classifier's text form as a TensorFlow function."""


def text_function(subject):
    """Return the graph tokenizer and the function of texts, strings (B,).

    Args:
        subject: A `ClassifierSubject` whose model has a tokenizer.

    Returns:
        The tokenizer, a `tf.Module` to be tracked, and a `tf.function` that returns
        `label`, strings (B,), and `scores`, float32 (B, classes).
    """
    import tensorflow as tf

    from kzoo.export.graph_tokenizers import TensorFlowWordPiece

    model = subject.model
    tokenizer = TensorFlowWordPiece(model.tokenizer, model.max_sequence_length)
    names = tf.constant(subject.label_names)

    def function(text):
        tokens = tokenizer(text)
        batch = {
            "token_ids": tokens["token_ids"],
            "padding_mask": tokens["padding_mask"],
        }
        logits = model(batch, training=False)  # (B, classes)
        return {
            "label": tf.gather(names, tf.argmax(logits, axis=-1)),
            "scores": tf.nn.softmax(logits),
        }

    return tokenizer, tf.function(function, autograph=False)
