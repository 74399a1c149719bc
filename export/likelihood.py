"""How probable a model finds what an artefact with smaller weights generated."""

import numpy as np
from keras import ops


def shortfall(logits_of, own, answer, vocabulary_size: int) -> float:
    """Return how much less probable an answer is than the model's own, by token.

    ```
    1 / |own| sum_t log p(own_t) - 1 / |answer| sum_t log p(answer_t)
    ```

    Args:
        logits_of: Function of ids (T,) to the model's logits for each of them, (T, V).
        own: (T,) int, what the model generates.
        answer: (T',) int, what the artefact generated.
        vocabulary_size: V.

    Returns:
        Nats a token, below 0 where the answer is the more probable one; infinity
        where one of them is empty or an id is none of the vocabulary.
    """
    if not len(own) or not len(answer):
        return np.inf
    if answer.min() < 0 or answer.max() >= vocabulary_size:
        return np.inf
    return _mean(logits_of, own) - _mean(logits_of, answer)


def _mean(logits_of, ids):
    logits = ops.log_softmax(logits_of(ids), axis=-1)
    found = np.asarray(ops.convert_to_numpy(logits), "float64")
    return float(found[np.arange(len(ids)), ids].mean())


def until_fill(ids, fill_id: int):
    """Return a row of ids without what fills it up behind its end."""
    real = np.flatnonzero(ids != fill_id)
    return ids[: real[-1] + 1] if len(real) else ids[:0]
