"""The tokenizer whose tokens are characters, on the host."""

import functools
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from kzoo.errors import InputError
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.text_input import as_text
from kzoo.tokenizers.unsegmented import encode_unsegmented
from kzoo.tokenizers.vocabulary_tokenizer import VocabularyTokenizer


class CharacterTokenizer(VocabularyTokenizer):
    """Text to ids, one for each character (a Unicode code point), and back.

    A special token that is spelt out in a text is that token.

    Args:
        vocabulary: The tokens; a token's id is its place. All but the special tokens
            are one character long.
        end_token: The token behind a document; None for none.
        pad_token: The token that fills rows up; None means `end_token`, and where
            that is None too, id 0, which a mask has to tell from a real one.
        unknown_token: The token of a character that the vocabulary lacks; None makes
            such a character an error.

    Raises:
        InputError: A token stands twice or is neither a character nor special, or a
            special token is not in the vocabulary.

    Example:
        >>> tokenizer = CharacterTokenizer.train(["to be", "or not"])
        >>> tokenizer.vocabulary
        [' ', 'b', 'e', 'n', 'o', 'r', 't']
        >>> tokenizer.encode("boot"), tokenizer.decode([1, 4, 4, 6])
        ([1, 4, 4, 6], 'boot')
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        end_token: str | None = None,
        pad_token: str | None = None,
        unknown_token: str | None = None,
    ) -> None:
        self.vocabulary = list(vocabulary)
        self.end_token = end_token
        self.pad_token = pad_token
        self.unknown_token = unknown_token
        self.notes: tuple[str, ...] = ()
        self._id_of = {token: index for index, token in enumerate(self.vocabulary)}
        self._check()

    def _check(self) -> None:
        special = set(self.special_tokens)
        wrong = [t for t in self.vocabulary if len(t) != 1 and t not in special]
        if len(self._id_of) != len(self.vocabulary) or wrong or not self.vocabulary:
            raise InputError(
                "A vocabulary of characters holds each once, and special tokens.",
                f"vocabulary={wrong[:1] or self.vocabulary[:40]!r}",
                "Use CharacterTokenizer.train.",
            )
        missing = [token for token in self.special_tokens if token not in self._id_of]
        if missing:
            raise InputError(
                "The vocabulary holds every special token.",
                f"vocabulary without {', '.join(map(repr, missing))}",
                "Add them.",
            )

    @classmethod
    def train(
        cls,
        texts: Iterable[str | bytes],
        *,
        vocabulary_size: int | None = None,
        **options,
    ) -> "CharacterTokenizer":
        """Return the tokenizer of the characters of `texts`, sorted.

        Args:
            texts: The texts.
            vocabulary_size: The most tokens wanted, the special ones included; None
                for no limit. Beyond it the rarest characters are unknown, which needs
                an `unknown_token`.
            **options: The constructor's other arguments. Special tokens come first.

        Returns:
            The tokenizer.

        Raises:
            InputError: No characters, or too many.
        """
        names = ("end_token", "pad_token", "unknown_token")
        special = [options[name] for name in names if options.get(name)]
        special = list(dict.fromkeys(special))
        counts: dict[str, int] = {}
        for text in texts:
            codes, seen = np.unique(_codes(as_text(text)), return_counts=True)
            for code, count in zip(codes.tolist(), seen.tolist(), strict=True):
                counts[chr(code)] = counts.get(chr(code), 0) + count
        kept = [char for char in counts if char not in special]
        if not kept:
            raise InputError(
                "A vocabulary is learnt from texts with at least one character.",
                "no text, or empty ones alone",
                "Check the file.",
            )
        room = len(kept) if vocabulary_size is None else vocabulary_size - len(special)
        if room < len(kept):
            if room < 1 or not options.get("unknown_token"):
                raise InputError(
                    "The vocabulary has room for every character of the texts.",
                    f"vocabulary_size={vocabulary_size} for {len(kept)} characters "
                    f"and {len(special)} special tokens",
                    f"Pass {len(kept) + len(special)} or more, or an unknown_token.",
                )
            kept = sorted(kept, key=lambda char: (-counts[char], char))[:room]
        return cls([*special, *sorted(kept)], **options)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> "CharacterTokenizer":
        """Return the tokenizer that `save` wrote into a folder.

        Args:
            folder: A folder with `tokenizer.json`.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or another kind of tokenizer.
        """
        return cls.from_file(os.path.join(folder, "tokenizer.json"))

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "CharacterTokenizer":
        """Return the tokenizer of one `tokenizer.json`; see `from_folder`."""
        from kzoo.tokenizers.character_files import read_file

        return cls(**read_file(path))

    def save(self, folder: str | os.PathLike, max_length: int | None = None) -> None:
        """Write the files that transformers' `PreTrainedTokenizerFast` opens.

        Args:
            folder: Where to write; made if it does not exist.
            max_length: Noted for transformers as `model_max_length`.
        """
        from kzoo.tokenizers.character_files import write_folder

        write_folder(self, folder, max_length)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that there are, each once."""
        named = (self.end_token, self.pad_token, self.unknown_token)
        return tuple(dict.fromkeys(token for token in named if token is not None))

    @property
    def frame_length(self) -> int:
        """How many special tokens stand around one text: none."""
        return 0

    @property
    def end_id(self) -> int | None:
        """The id of `end_token`; None where there is none."""
        return self._id_of.get(self.end_token)  # type: ignore[arg-type]

    @property
    def start_id(self) -> int | None:
        """The id of the token before a document, which is `end_token`."""
        return self.end_id

    @property
    def pad_id(self) -> int:
        """The id that fills rows up."""
        token = self.end_token if self.pad_token is None else self.pad_token
        return 0 if token is None else self._id_of[token]

    @property
    def unknown_id(self) -> int | None:
        """The id of `unknown_token`; None where there is none."""
        return self._id_of.get(self.unknown_token)  # type: ignore[arg-type]

    def token_bytes(self, index: int) -> bytes:
        """Return the UTF-8 that one id spells; nothing for an id that is no token."""
        known = 0 <= index < len(self.vocabulary)
        return self.vocabulary[index].encode() if known else b""

    @functools.cached_property
    def ids_of_code_points(self) -> np.ndarray:
        """The id of each code point up to the largest one known and one more, int32.

        -1 stands for no token, which is what all beyond the end are.
        """
        characters = {t: i for t, i in self._id_of.items() if len(t) == 1}
        table = np.full(max(map(ord, characters), default=0) + 2, -1, "int32")
        for character, index in characters.items():
            table[ord(character)] = index
        return table

    @functools.cached_property
    def _long_tokens(self) -> re.Pattern | None:
        """What finds the special tokens of more than one character."""
        long = [token for token in self.special_tokens if len(token) > 1]
        long.sort(key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, long)) + ")") if long else None

    def _ids(self, text: str) -> list[int]:
        if self._long_tokens is None:
            return self._character_ids(text)
        ids = []
        for place, part in enumerate(self._long_tokens.split(text)):
            ids += [self._id_of[part]] if place % 2 else self._character_ids(part)
        return ids

    def known_part(self, text: str | bytes) -> str:
        """Return a text without the characters that `encode` would refuse.

        Args:
            text: The text.

        Returns:
            All of it where there is an `unknown_token`.
        """
        text = as_text(text)
        if self.unknown_id is not None:
            return text
        known = self._id_of.keys()
        long = self._long_tokens
        parts = long.split(text) if long else [text]
        return "".join(
            part if place % 2 else "".join(c for c in part if c in known)
            for place, part in enumerate(parts)
        )

    def _character_ids(self, text: str) -> list[int]:
        ids = self.ids_of_code_points[
            np.minimum(_codes(text), len(self.ids_of_code_points) - 1)
        ]
        if (ids < 0).any():
            if self.unknown_id is None:
                character = text[int(np.argmax(ids < 0))]
                raise InputError(
                    "Every character of a text is in the vocabulary.",
                    f"character {character!r} in text={text[:40]!r}",
                    "Train the tokenizer on all texts, or give it an unknown_token.",
                )
            ids = np.where(ids < 0, self.unknown_id, ids)
        return ids.tolist()

    def encode_batch(
        self,
        texts: Iterable[str | bytes | tuple[str | bytes, str | bytes]],
        max_length: int | None = None,
    ) -> EncodedTexts:
        """Return the ids and segment ids of many texts, or pairs, or both.

        Args:
            texts: Each a text, or a pair as a tuple.
            max_length: As for `encode`.

        Returns:
            One array of ids and one of segment ids, all 0, for each text.
        """
        return encode_unsegmented(
            texts, lambda flat: map(self._ids, flat), None, max_length
        )

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text that some ids spell.

        Args:
            ids: The ids; one that is no token spells nothing.
            skip_special_tokens: Whether the special tokens are left out.

        Returns:
            The text.
        """
        hidden = set(self.special_tokens) if skip_special_tokens else ()
        known = (int(i) for i in ids if 0 <= int(i) < len(self.vocabulary))
        tokens = (self.vocabulary[index] for index in known)
        return "".join(token for token in tokens if token not in hidden)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as JSON can hold them."""
        return {
            "vocabulary": list(self.vocabulary),
            "end_token": self.end_token,
            "pad_token": self.pad_token,
            "unknown_token": self.unknown_token,
        }

    def __repr__(self) -> str:
        return f"<CharacterTokenizer: {self.vocabulary_size} tokens>"


def _codes(text: str) -> np.ndarray:
    """Return the code points of a text, uint32 `(T,)`."""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")
