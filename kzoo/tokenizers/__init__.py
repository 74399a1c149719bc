"""Tokenizers on the host: text in, ids out, by the Rust `tokenizers` library."""

from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.wordpiece import WordPieceTokenizer

__all__ = ["EncodedTexts", "WordPieceTokenizer"]
