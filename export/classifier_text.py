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

    from kzoo.export.graph_tokenizers import graph_forms

    model = subject.model
    make = graph_forms(model.tokenizer).tensorflow
    tokenizer = make(model.tokenizer, model.max_sequence_length)
    names = tf.constant(subject.label_names)

    def function(text):
        # One text more than given: a batch of none has no longest row to pad to.
        tokens = tokenizer(tf.concat([text, [""]], axis=0))
        batch = {
            "token_ids": tokens["token_ids"][:-1],
            "padding_mask": tokens["padding_mask"][:-1],
        }
        logits = model(batch, training=False)  # (B, classes)
        return {
            "label": tf.gather(names, tf.argmax(logits, axis=-1)),
            "scores": tf.nn.softmax(logits),
        }

    return tokenizer, tf.function(function, autograph=False)
