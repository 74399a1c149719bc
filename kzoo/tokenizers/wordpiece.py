"""The WordPiece tokenizer of the BERT family, on the host."""

import functools
import os
from collections.abc import Iterable, Sequence

import numpy as np

from kzoo.errors import InputError
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.framing import framed
from kzoo.tokenizers.text_input import as_pair
from kzoo.tokenizers.vocabulary_tokenizer import VocabularyTokenizer
from kzoo.tokenizers.wordpiece_checks import check_tokenizer


class WordPieceTokenizer(VocabularyTokenizer):
    """Text to ids by BERT's normalisation and greedy longest-match word pieces.

    A text is cleaned (control characters and U+FFFD go, whitespace becomes a
    space), accents are stripped, it is lower-cased, and split at whitespace,
    punctuation and Chinese characters. Each word is then cut from the left into the
    longest pieces that the vocabulary has, `word = p_0 ##p_1 ... ##p_n`; a word
    that cannot be cut whole, or is longer than `max_characters_per_word`, is the
    one unknown token. Around the pieces stand `[CLS]` and `[SEP]`:

        [CLS] first [SEP]            segments 0
        [CLS] first [SEP] second [SEP]   segments 0 ... 0, 1 ... 1

    A special token that is spelt out in a text, such as `"[MASK]"`, is that token,
    as it is in transformers.

    Args:
        vocabulary: The tokens; a token's id is its place.
        lowercase: Whether texts are lower-cased.
        strip_accents: Whether accents are stripped; None means as `lowercase`.
        split_chinese_characters: Whether each Chinese character is a word.
        clean_text: Whether control characters and U+FFFD are removed.
        unknown_token: The token of a word that the vocabulary cannot spell.
        pad_token: The token that fills rows up.
        cls_token: The token before the first text.
        sep_token: The token behind each text.
        mask_token: The token of a masked place.
        continuing_prefix: What a piece inside a word begins with.
        max_characters_per_word: A longer word is unknown.

    Raises:
        InputError: A token stands twice or is no text, a special token is not in
            the vocabulary, or an option is not of its kind.

    Example:
        >>> special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        >>> tokenizer = WordPieceTokenizer([*special, "film", "##s", "good"])
        >>> tokenizer.encode("Good films")
        [2, 7, 5, 6, 3]

    Reference:
        Devlin et al. 2019, arXiv 1810.04805, section 3; Wu et al. 2016, arXiv
        1609.08144, section 4.1.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        split_chinese_characters: bool = True,
        clean_text: bool = True,
        unknown_token: str = "[UNK]",
        pad_token: str = "[PAD]",
        cls_token: str = "[CLS]",
        sep_token: str = "[SEP]",
        mask_token: str = "[MASK]",
        continuing_prefix: str = "##",
        max_characters_per_word: int = 100,
    ) -> None:
        self.vocabulary = list(vocabulary)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_chinese_characters = split_chinese_characters
        self.clean_text = clean_text
        self.unknown_token = unknown_token
        self.pad_token = pad_token
        self.cls_token = cls_token
        self.sep_token = sep_token
        self.mask_token = mask_token
        self.continuing_prefix = continuing_prefix
        self.max_characters_per_word = max_characters_per_word
        self.notes: tuple[str, ...] = ()
        check_tokenizer(self)
        self._id_of = {token: index for index, token in enumerate(self.vocabulary)}

    @classmethod
    def train(
        cls,
        texts: Iterable[str | bytes],
        *,
        vocabulary_size: int = 30_000,
        min_frequency: int = 2,
        alphabet_size: int = 1_000,
        **options,
    ) -> "WordPieceTokenizer":
        """Return a tokenizer whose vocabulary is learnt from `texts`.

        The same texts give the same vocabulary, in every process. Where they do
        not yield `vocabulary_size` tokens the vocabulary is smaller, and `notes`
        says so.

        Args:
            texts: The texts to learn from.
            vocabulary_size: Tokens wanted, the special ones included.
            min_frequency: How often a pair of pieces occurs to be joined.
            alphabet_size: Characters kept, the most frequent ones.
            **options: The constructor's other arguments.

        Returns:
            The tokenizer.
        """
        from kzoo.tokenizers.wordpiece_training import learn_vocabulary

        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        names = ["pad_token", "unknown_token", "cls_token", "sep_token", "mask_token"]
        special = [options.get(n, s) for n, s in zip(names, special, strict=True)]
        vocabulary, notes = learn_vocabulary(
            cls(special, **options),
            texts,
            vocabulary_size,
            min_frequency,
            alphabet_size,
        )
        tokenizer = cls(vocabulary, **options)
        tokenizer.notes = notes
        return tokenizer

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> "WordPieceTokenizer":
        """Return the tokenizer of a Hugging Face folder, or of one that `save` wrote.

        Args:
            folder: A folder with `tokenizer.json` or `vocab.txt`, and perhaps
                `tokenizer_config.json` and `special_tokens_map.json`.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or a part that is not supported.
        """
        from kzoo.tokenizers.wordpiece_files import read_folder

        return cls(**read_folder(folder))

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "WordPieceTokenizer":
        """Return the tokenizer of one `vocab.txt` or `tokenizer.json`.

        Args:
            path: The file; one that ends with `.json` is read as a
                `tokenizer.json`, any other as a list of tokens, one in a line.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or a part that is not supported.
        """
        from kzoo.tokenizers.wordpiece_files import read_file

        return cls(**read_file(path))

    def save(self, folder: str | os.PathLike, max_length: int | None = None) -> None:
        """Write the files that transformers' `BertTokenizerFast` opens.

        Args:
            folder: Where to write; made if it does not exist.
            max_length: Noted for transformers as `model_max_length`.
        """
        from kzoo.tokenizers.wordpiece_writing import write_folder

        write_folder(self, folder, max_length)

    @functools.cached_property
    def backend(self):
        """The `tokenizers.Tokenizer` that does the work."""
        from kzoo.tokenizers.wordpiece_backend import build_backend

        return build_backend(self)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The pad, unknown, cls, sep and mask tokens."""
        return (
            self.pad_token,
            self.unknown_token,
            self.cls_token,
            self.sep_token,
            self.mask_token,
        )

    @property
    def strips_accents(self) -> bool:
        """What `strip_accents` comes to."""
        return self.lowercase if self.strip_accents is None else self.strip_accents

    @property
    def pad_id(self) -> int:
        """The id of `pad_token`."""
        return self._id_of[self.pad_token]

    @property
    def unknown_id(self) -> int:
        """The id of `unknown_token`."""
        return self._id_of[self.unknown_token]

    @property
    def cls_id(self) -> int:
        """The id of `cls_token`."""
        return self._id_of[self.cls_token]

    @property
    def sep_id(self) -> int:
        """The id of `sep_token`."""
        return self._id_of[self.sep_token]

    @property
    def mask_id(self) -> int:
        """The id of `mask_token`."""
        return self._id_of[self.mask_token]

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
            One array of ids and one of segment ids for each text.
        """
        if isinstance(texts, str | bytes):
            raise InputError(
                "encode_batch takes many texts.",
                f"texts={texts[:40]!r}",
                "Pass a list, or use encode.",
            )
        pairs = [as_pair(text) for text in texts]
        flat = [text for both in pairs for text in both if text is not None]
        rows = iter(
            self.backend.encode_batch_fast(flat, add_special_tokens=False)
            if flat
            else []
        )
        encoded = EncodedTexts([], [])
        for _, second in pairs:
            ids, segments = framed(
                next(rows).ids,
                None if second is None else next(rows).ids,
                (self.cls_id, self.sep_id),
                max_length,
            )
            encoded.ids.append(np.array(ids, "int32"))
            encoded.segment_ids.append(np.array(segments, "int32"))
        return encoded

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text that some ids spell.

        Args:
            ids: The ids.
            skip_special_tokens: Whether `[CLS]`, `[PAD]` and the like are left out.

        Returns:
            The text, lower-cased and stripped as it was when it was encoded.
        """
        listed = [int(index) for index in ids]
        return self.backend.decode(listed, skip_special_tokens=skip_special_tokens)

    def get_config(self) -> dict:
        """Return the constructor's arguments.

        Returns:
            A dictionary that JSON can hold.
        """
        return {
            "vocabulary": list(self.vocabulary),
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "split_chinese_characters": self.split_chinese_characters,
            "clean_text": self.clean_text,
            "unknown_token": self.unknown_token,
            "pad_token": self.pad_token,
            "cls_token": self.cls_token,
            "sep_token": self.sep_token,
            "mask_token": self.mask_token,
            "continuing_prefix": self.continuing_prefix,
            "max_characters_per_word": self.max_characters_per_word,
        }

    def __repr__(self) -> str:
        case = "lower-cased" if self.lowercase else "cased"
        return f"<WordPieceTokenizer: {self.vocabulary_size} tokens, {case}>"
