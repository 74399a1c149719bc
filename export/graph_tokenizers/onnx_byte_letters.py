"""Bytes as letters: what makes onnxruntime-extensions merge the words it is given.

Its tokenizer of GPT-2 merges as the host does, but cuts texts into words by Unicode
tables of its own, and ends a text at U+0000. So the words are cut before, and every
byte of a word is put as a letter: then each word is a run of letters, on which all
tables agree. (A word that is in its vocabulary is that token, even where merging would
not make it; such words, which no training gives, get a letter in front that no merge
takes.) The vocabulary and the merges are put into the same letters. The bytes
that tokens use most are ASCII letters; the others are letters of two bytes, whose
halves are merged before anything else.
"""

import json
from collections import Counter

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.byte_bpe_tables import unreached_words
from kzoo.tokenizers.byte_alphabet import bytes_of_token, characters_of_bytes

SEPARATOR = "!"  # stands before each word, and is no letter
_ASCII = [*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]
_BEYOND = [*range(0x100, 0x250), *range(0x400, 0x482)]


class OnnxByteLetters:
    """A tokenizer's bytes, marks, vocabulary and merges in letters.

    Args:
        tokenizer: A `kzoo.tokenizers.ByteBPETokenizer`.
        marks: How many marks there are besides.

    Raises:
        InputError: More marks than there are letters for.

    Attributes:
        of_byte: The letter of each byte, as UTF-8.
        of_mark: The letter of each mark.
        before_word: What stands before each word.
        separator_id: The id of what `before_word` becomes, each part of it;
            `separator_id + 1 + k` is mark k's.
    """

    def __init__(self, tokenizer, marks: int) -> None:
        size = tokenizer.vocabulary_size
        special = set(tokenizer.special_tokens)
        spelt = {
            index: bytes_of_token(token)
            for index, token in enumerate(tokenizer.vocabulary)
            if token not in special
        }
        often = Counter(byte for token in spelt.values() for byte in token)
        order = sorted(range(256), key=lambda byte: (-often[byte], byte))
        letters = [chr(code).encode() for code in (*_ASCII, *_BEYOND)]
        by_byte = dict(zip(order, letters, strict=False))
        self.of_byte = [by_byte[byte] for byte in range(256)]
        guard, *others = letters[256:]
        if marks > len(others):
            raise InputError(
                f"The ONNX graph has letters for {len(others) - 1} special tokens.",
                f"{marks - 1} special tokens",
                "Leave out those that the model does not use.",
            )
        self.of_mark = others[:marks]
        self.separator_id = size
        self.before_word = SEPARATOR.encode()
        vocabulary = {self._written(token): i for i, token in spelt.items()}
        vocabulary[SEPARATOR] = size
        used = [*self.of_byte, *self.of_mark]
        if unreached_words(tokenizer):
            self.before_word += guard
            vocabulary[_as_characters(guard)] = size
            used.append(guard)
        for number, letter in enumerate(self.of_mark, size + 1):
            vocabulary[_as_characters(letter)] = number
        halves = {}
        pairs = []
        for letter in used:
            if len(letter) == 2:
                pair = [_as_characters(letter[:1]), _as_characters(letter[1:])]
                pairs.append(" ".join(pair))
                halves |= dict.fromkeys(pair)
        for number, half in enumerate(halves, size + 1 + marks):
            vocabulary[half] = number
        pairs += [
            f"{self._written(bytes_of_token(a))} {self._written(bytes_of_token(b))}"
            for a, b in tokenizer.merges
        ]
        self.vocabulary = json.dumps(vocabulary, ensure_ascii=False)
        self.merges = "\n".join(pairs)

    def _written(self, token: bytes) -> str:
        return _as_characters(b"".join(self.of_byte[byte] for byte in token))


def _as_characters(spelt: bytes) -> str:
    """Return bytes as a byte-level vocabulary writes them."""
    return "".join(characters_of_bytes()[byte] for byte in spelt)
