"""Stand-ins for a causal language model and its tokenizer, and a NumPy count."""

import keras
import numpy as np

from kzoo.data import TokenStream


class Letters:
    """A tokenizer of single characters, with an end token if it is given one."""

    def __init__(self, characters="abcdefg \n", end_id=None):
        self.vocabulary = list(characters) + ([] if end_id is None else ["<end>"])
        self.end_id = None if end_id is None else len(characters)
        self.pad_id = 0
        self.vocabulary_size = len(self.vocabulary)

    def encode(self, text):
        return [self.vocabulary.index(c) for c in text if c in self.vocabulary]

    def encode_batch(self, texts, max_length=None):
        return type("Encoded", (), {"ids": [self.encode(text) for text in texts]})

    def decode(self, ids):
        return "".join(self.vocabulary[i] for i in ids)

    def save(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "letters.txt").write_text("".join(self.vocabulary))


class TinyLM(keras.Model):
    """Logits of a token from it, the mean of all before it, and its place."""

    task = "causal_lm"

    def __init__(self, vocabulary_size=9, hidden_dim=5, max_sequence_length=7):
        super().__init__()
        self.max_sequence_length = max_sequence_length
        self.tokenizer = Letters()
        self.token = keras.layers.Embedding(vocabulary_size, hidden_dim)
        self.place = keras.layers.Embedding(max_sequence_length, hidden_dim)
        self.inner = keras.layers.Dense(13, "tanh", name="inner")
        self.out = keras.layers.Dense(vocabulary_size)
        self.blocks = [self.inner]

    def call(self, inputs, training=None):
        ids = inputs["token_ids"]
        length = ids.shape[1] or keras.ops.shape(ids)[1]
        x = self.token(ids)
        count = keras.ops.arange(1, length + 1, dtype="float32")[:, None]
        x = x + keras.ops.cumsum(x, axis=1) / count
        x = x + self.place(keras.ops.arange(length))
        return self.out(self.inner(x))


def random_stream(count, documents=(0,), vocabulary=9, seed=0):
    """Return a stream of random tokens whose documents start at given positions."""
    tokens = np.random.default_rng(seed).integers(0, vocabulary, count)
    ends = [*documents[1:], count]
    sizes = np.diff([documents[0], *ends])
    rows = np.stack([documents, sizes, sizes], axis=1)
    return TokenStream(tokens.astype("uint16"), rows.astype("int64"))


def log_softmax(logits):
    """Return it in float64."""
    logits = np.asarray(logits, "float64")
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
