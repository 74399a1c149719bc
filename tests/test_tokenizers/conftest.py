import pytest
from test_tokenizers.adversarial_texts import adversarial_texts

from kzoo.tokenizers import WordPieceTokenizer


@pytest.fixture(scope="session")
def bert_vocabulary(shared_data):
    path = shared_data / "bert_uncased_vocab" / "vocab.txt"
    return WordPieceTokenizer.from_file(path).vocabulary


@pytest.fixture(scope="session")
def cased_vocabulary():
    """A vocabulary that spells most of the adversarial texts."""
    return WordPieceTokenizer.train(
        adversarial_texts(2000, seed=3),
        vocabulary_size=6000,
        alphabet_size=2800,
        min_frequency=1,
        lowercase=False,
        clean_text=False,
    ).vocabulary


@pytest.fixture(scope="session")
def special_tokens():
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
