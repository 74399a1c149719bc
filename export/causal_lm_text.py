"""A causal language model's text forms as TensorFlow functions."""

from collections.abc import Callable

from kzoo.export.generation_loop import generate, greedy, prompts_of
from kzoo.export.token_drawing import drawing


def completing(subject) -> tuple[list, Callable]:
    """Return the function of texts and a number of tokens to completions.

    Args:
        subject: A `CausalLMSubject` whose tokenizer has graph forms.

    Returns:
        What is to be tracked, and a `tf.function` that returns `completion`.
    """

    def function(text, max_new_tokens):
        return _complete(subject, text, max_new_tokens, greedy)

    return _compiled(subject, function)


def sampling(subject) -> tuple[list, Callable]:
    """Return the function of texts, a number of tokens and what `drawing` takes.

    Args:
        subject: A `CausalLMSubject` whose tokenizer has graph forms.

    Returns:
        What is to be tracked, and a `tf.function` that returns `completion`.
    """

    def function(text, max_new_tokens, temperature, top_k, top_p, seed):
        choose = drawing(temperature, top_k, top_p, seed)
        return _complete(subject, text, max_new_tokens, choose)

    return _compiled(subject, function)


def _compiled(subject, function):
    import tensorflow as tf

    return [subject.graph_tokenizer], tf.function(function, autograph=False)


def _complete(subject, text, max_new_tokens, choose):
    import tensorflow as tf

    tokenizer, ends = subject.graph_tokenizer, subject.ends
    # One text more than given: a batch of none has no longest row to pad to.
    tokens = tokenizer(tf.concat([text, [""]], axis=0))
    prompts = prompts_of(
        tokens["token_ids"][:-1], tokens["padding_mask"][:-1], max_new_tokens, ends
    )
    ids = generate(subject.model, prompts, max_new_tokens, ends, choose)
    return {"completion": tf.ensure_shape(tokenizer.decode(ids), [None])}
