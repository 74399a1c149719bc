"""A small translator of trained SentencePiece, whose translations vary in length."""

import numpy as np

from kzoo.tokenizers import TranslationTokenizer
from support.small_translator import small_translator

GERMAN = [
    "Ein Hund läuft.",
    "Eine Katze schläft auf dem Sofa.",
    "Der Mann liest ein Buch!",
    "Zwei Kinder spielen im Garten.",
]
ENGLISH = [
    "A dog runs.",
    "A cat sleeps on the sofa.",
    "The man reads a book!",
    "Two children play in the garden.",
]


def spoken_translator(joint=True, end=1.0, **overrides):
    """Return a random Marian of one layer with its tokenizer.

    Args:
        joint: Whether both languages share one vocabulary.
        end: The bias of the end token: more makes shorter translations.
        **overrides: Of `small_translator`.
    """
    tokenizer = TranslationTokenizer.train(
        GERMAN * 4, ENGLISH * 4, vocabulary_size=61, joint=joint
    )
    size = tokenizer.source_vocabulary_size
    model = small_translator(
        **{
            "vocabulary_size": tokenizer.vocabulary_size,
            "source_vocabulary_size": None if joint else size,
            "num_layers": 1,
            "pad_id": tokenizer.pad_id,
            "end_id": tokenizer.end_id,
            "norm_placement": "post",
            "positions": "sinusoidal_halves",
            "activation": "swish",
            "logits_bias": True,
            "tokenizer": tokenizer,
            **overrides,
        }
    )
    bias = np.zeros((1, tokenizer.vocabulary_size), "float32")
    bias[0, tokenizer.end_id] = end
    model.logits_bias.assign(bias)
    return model
