"""Stand-ins for a tokenizer of two languages, and for a translator's settings."""

import types

END, UNKNOWN, FIRST = 0, 1, 2


class Words:
    """One side: a word is an id, `</s>` = 0, unknown = 1, padding the last id."""

    def __init__(self, words):
        self.words = list(words)
        self.end_id, self.unknown_id = END, UNKNOWN
        self.pad_id = FIRST + len(self.words)
        self.vocabulary_size = self.pad_id + 1

    def encode(self, text):
        known = {word: FIRST + i for i, word in enumerate(self.words)}
        return [*(known.get(word, UNKNOWN) for word in text.split()), END]


class TwoLanguages:
    """Two sides with vocabularies of different sizes, as `TranslationTokenizer`."""

    is_shared = False

    def __init__(self, source_words, target_words):
        self.source, self.target = Words(source_words), Words(target_words)
        self.pad_id = self.start_id = self.target.pad_id
        self.end_id, self.unknown_id = END, UNKNOWN
        self.vocabulary_size = self.target.vocabulary_size
        self.source_vocabulary_size = self.source.vocabulary_size

    def encode_source(self, texts, max_length=None):
        return types.SimpleNamespace(ids=[self.source.encode(text) for text in texts])

    def encode_target(self, texts, max_length=None):
        return types.SimpleNamespace(ids=[self.target.encode(text) for text in texts])


def stand_in(tokenizer, max_sequence_length=31, start_id=None):
    """Return what `kzoo.data.load` asks of a translator."""
    return types.SimpleNamespace(
        task="translation",
        tokenizer=tokenizer,
        max_sequence_length=max_sequence_length,
        start_id=tokenizer.start_id if start_id is None else start_id,
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
    )
