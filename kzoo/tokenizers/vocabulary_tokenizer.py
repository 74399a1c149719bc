"""What the tokenizers of a plain vocabulary have in common."""

import abc
from collections.abc import Iterable
from typing import Self

from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.text_input import as_text


class VocabularyTokenizer(abc.ABC):
    """A tokenizer whose ids are the places of its tokens in `vocabulary`.

    A subclass sets `vocabulary`, and `_id_of` to the place of each token; its
    constructor's arguments are what `get_config` returns. What it caches under a name
    of `_cached` is made anew after pickling.
    """

    _cached: tuple[str, ...] = ("backend",)

    vocabulary: list[str]
    _id_of: dict[str, int]

    @abc.abstractmethod
    def encode_batch(
        self,
        texts: Iterable[str | bytes | tuple[str | bytes, str | bytes]],
        max_length: int | None = None,
    ) -> EncodedTexts:
        """Return the ids and segment ids of many texts, or pairs, or both."""

    @abc.abstractmethod
    def get_config(self) -> dict:
        """Return the constructor's arguments, as JSON can hold them."""

    @classmethod
    def from_config(cls, config: dict) -> Self:
        """Return the tokenizer of `get_config`.

        Args:
            config: What `get_config` returned.

        Returns:
            A tokenizer with the same ids.
        """
        return cls(**config)

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens."""
        return len(self.vocabulary)

    def token_to_id(self, token: str) -> int | None:
        """Return the id of a token, or None.

        Args:
            token: A token, spelt as in the vocabulary.

        Returns:
            Its id; None if the vocabulary lacks it.
        """
        return self._id_of.get(token)

    def known_part(self, text: str | bytes) -> str | bytes:
        """Return a text without what `encode` would refuse: here, all of it."""
        return text

    def encode(
        self,
        text: str | bytes,
        pair: str | bytes | None = None,
        max_length: int | None = None,
    ) -> list[int]:
        """Return the ids of one text or pair; `encode_batch` gives segments too.

        Args:
            text: The text; bytes are UTF-8, ill-formed parts become U+FFFD.
            pair: The second text of a pair.
            max_length: The most ids wanted, the special tokens around the text
                included; of a pair the longer text is cut first.

        Returns:
            The ids.

        Raises:
            InputError: Not a text; a `max_length` without room for the special
                tokens; a character that the vocabulary lacks, and no unknown token.
        """
        both = text if pair is None else (as_text(text), as_text(pair))
        return self.encode_batch([both], max_length).ids[0].tolist()

    def __getstate__(self) -> dict:
        return {n: v for n, v in self.__dict__.items() if n not in self._cached}
