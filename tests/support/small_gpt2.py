"""Small causal models whose texts vary, and what they should say."""

import keras
import numpy as np

from kzoo.models import GPT2CausalLM
from kzoo.tokenizers import CharacterTokenizer

VOCABULARY = 97
CONTEXT = 61
LENGTHS = (3, 7, 13, 29)
LETTERS = "abcdefghijklmnopqrstuvwxyz .,é\n"


def small_gpt2(seed=0, **overrides):
    """Return a random model with large weights: its greedy texts do not repeat."""
    sizes = {
        "vocabulary_size": VOCABULARY,
        "hidden_dim": 42,
        "num_layers": 2,
        "num_heads": 7,
        "max_sequence_length": CONTEXT,
        "intermediate_dim": 53,
        "initializer_range": 0.4,
    }
    model = GPT2CausalLM(**{**sizes, **overrides})
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            (rng.standard_normal(w.shape) * 0.4 + (w == 1)).astype("float32")
            if w.dtype == "float32"
            else w
            for w in model.get_weights()
        ]
    )
    return model


def lettered_gpt2(**overrides):
    """Return such a model of characters, with its tokenizer."""
    tokenizer = CharacterTokenizer.train([LETTERS])
    size = tokenizer.vocabulary_size
    return small_gpt2(vocabulary_size=size, tokenizer=tokenizer, **overrides)


def prompts(lengths=LENGTHS, seed=0, vocabulary_size=VOCABULARY):
    """Return prompts of unlike lengths."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, vocabulary_size, length) for length in lengths]


def last_logits(model, ids):
    """Return the model's logits after a text, by its plain call.

    The text is padded behind its end to one length, so that JAX compiles once.
    """
    padded = np.zeros((1, model.max_sequence_length), "int32")
    padded[0, : len(ids)] = ids
    logits = keras.ops.convert_to_numpy(model({"token_ids": padded}))
    return logits[0, len(ids) - 1]


def greedy_text(model, prompt, count):
    """Return the new ids of greedy decoding, a whole call for each.

    What is known of a model's texts is kept with it.
    """
    known = vars(model).setdefault("greedy_texts", {})
    ids = known.setdefault(tuple(int(i) for i in prompt), [])
    while len(ids) < count:
        ids.append(int(last_logits(model, [*prompt, *ids]).argmax()))
    return ids[:count]
