"""Small models to export."""

import keras
import pytest

from kzoo.models import TextClassifier
from kzoo.tokenizers import WordPieceTokenizer

TEXTS = [
    "a good film with a fine cast and a very long tale !",
    "a bad , boring film ; don't see it",
    "supercalifragilistic caf\u00e9 na\u00efve 10 / 10 x",
]


@pytest.fixture(scope="session")
def tokenizer():
    return WordPieceTokenizer.train(TEXTS * 3, vocabulary_size=151, min_frequency=1)


@pytest.fixture(scope="session")
def make_classifier(tokenizer):
    """Return a function that makes a tiny classifier with its own seed."""

    def make(**changes):
        keras.utils.set_random_seed(3)
        arguments = {
            "vocabulary_size": tokenizer.vocabulary_size + 2,
            "hidden_dim": 12,
            "num_layers": 2,
            "num_heads": 3,
            "intermediate_dim": 20,
            "max_sequence_length": 29,
            "label_names": ("bad", "good", "mixed"),
            "num_segments": 2,
            "pooler_activation": "tanh",
            "initializer_range": 0.3,
            "tokenizer": tokenizer,
        }
        return TextClassifier(**{**arguments, **changes})

    return make


@pytest.fixture(scope="session")
def bert(make_classifier):
    """Return a BERT-shaped classifier."""
    return make_classifier()


@pytest.fixture(scope="session")
def pre_norm(make_classifier):
    """Return a classifier with every part that BERT lacks."""
    return make_classifier(
        num_segments=0,
        pooler_activation=None,
        norm_placement="pre",
        pooling="mean",
        positions="sinusoidal",
        ngram_sizes=(2, 3),
        ngram_buckets=97,
        activation="gelu_tanh",
    )


@pytest.fixture(scope="session")
def functional():
    """Return a functional model of Keras's own layers, with two named outputs."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.layers.Embedding(53, 12)(ids)
    seen = keras.ops.expand_dims(mask, 1)
    y = keras.layers.MultiHeadAttention(3, 4)(x, x, attention_mask=seen)
    x = keras.layers.LayerNormalization(epsilon=1e-12)(x + y)
    x = keras.layers.Dense(20, activation="gelu")(x)
    x = keras.layers.Dense(7)(x)
    logits = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x))
    return keras.Model(
        {"ids": ids, "mask": mask}, {"hidden_states": x, "logits": logits}
    )
