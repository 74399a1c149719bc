"""Tokenizers on the host: text in, ids out, by `tokenizers` and `sentencepiece`."""

from kzoo.tokenizers.byte_bpe import ByteBPETokenizer
from kzoo.tokenizers.character import CharacterTokenizer
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.opening import from_folder, has_tokenizer
from kzoo.tokenizers.sentencepiece import SentencePieceTokenizer
from kzoo.tokenizers.translation import TranslationTokenizer
from kzoo.tokenizers.wordpiece import WordPieceTokenizer

__all__ = [
    "ByteBPETokenizer",
    "CharacterTokenizer",
    "EncodedTexts",
    "SentencePieceTokenizer",
    "TranslationTokenizer",
    "WordPieceTokenizer",
    "from_folder",
    "has_tokenizer",
]
