"""The two tokenizers of a translator, on the host."""

import os
from collections.abc import Iterable, Sequence

from kzoo.errors import InputError
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.sentencepiece import SentencePieceTokenizer


class TranslationTokenizer:
    """A tokenizer of the source language and one of the target language.

    As Marian has them: each side has its SentencePiece model; the ids are of one
    vocabulary for both, or of one for each. A decoder starts from the padding.

    Args:
        source: The source language's `SentencePieceTokenizer`.
        target: The target language's; the same object where both share a model.
        source_language: The name of the source language, for the files; None for no
            name.
        target_language: The name of the target language.

    Raises:
        InputError: A side that is no `SentencePieceTokenizer`, or whose padding is
            its end, which would leave nothing for a decoder to start from.

    Example:
        >>> german, english = ["ein Haus", "ein Hund"], ["a house", "a dog"]
        >>> tokenizer = TranslationTokenizer.train(german, english, 17)
        >>> tokenizer
        <TranslationTokenizer: 17 shared tokens>
        >>> tokenizer.end_id, tokenizer.unknown_id, tokenizer.pad_id, tokenizer.start_id
        (0, 1, 16, 16)
        >>> ids = tokenizer.encode_target(["a house"]).ids[0]
        >>> int(ids[-1]) == tokenizer.end_id, tokenizer.decode(ids)
        (True, 'a house')

    Reference:
        Junczys-Dowmunt et al. 2018, arXiv 1804.00344.
    """

    def __init__(
        self,
        source: SentencePieceTokenizer,
        target: SentencePieceTokenizer,
        *,
        source_language: str | None = None,
        target_language: str | None = None,
    ) -> None:
        for name, side in (("source", source), ("target", target)):
            _check_side(name, side)
        self.source = source
        self.target = target
        self.source_language = source_language
        self.target_language = target_language

    @classmethod
    def train(
        cls,
        sources: Iterable[str | bytes],
        targets: Iterable[str | bytes],
        vocabulary_size: int = 8_000,
        *,
        joint: bool = True,
        language_tokens: Sequence[str] = (),
        source_language: str | None = None,
        target_language: str | None = None,
        **options,
    ) -> "TranslationTokenizer":
        """Return tokenizers learnt from the two sides of parallel text.

        The same texts give the same tokenizers. Two vocabularies have one size, so
        that `</s>`, `<unk>` and `<pad>` have the same ids in both, as transformers
        takes for granted: the shorter one is filled up with tokens that no text
        yields.

        Args:
            sources: The source texts.
            targets: The target texts.
            vocabulary_size: Tokens wanted (of each side where they are separate), the
                special ones included.
            joint: Whether one model, learnt from both sides, serves both.
            language_tokens: Source tokens such as `">>fra<<"`.
            source_language: As for the class.
            target_language: As for the class.
            **options: As for `SentencePieceTokenizer.train`: `model_type`,
                `character_coverage`, `byte_fallback`, `normalization`.

        Returns:
            The tokenizers; `notes` says where texts yield fewer tokens.

        Raises:
            InputError: As for `SentencePieceTokenizer.train`.
        """
        from kzoo.tokenizers.translation_training import learn_joint, learn_separate

        learn = learn_joint if joint else learn_separate
        source, target = learn(
            sources, targets, vocabulary_size, tuple(language_tokens), options
        )
        names = {"source_language": source_language, "target_language": target_language}
        return cls(source, target, **names)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> "TranslationTokenizer":
        """Return the tokenizers of a Marian folder, or of one that `save` wrote.

        Args:
            folder: A folder with `source.spm`, `target.spm`, `vocab.json`, and perhaps
                `target_vocab.json` and `tokenizer_config.json`.

        Returns:
            The tokenizers.

        Raises:
            InputError: A file is missing, damaged, or of another tokenizer.
        """
        from kzoo.tokenizers.translation_files import read_folder

        return cls(**read_folder(folder))

    def save(self, folder: str | os.PathLike, max_length: int | None = None) -> None:
        """Write the files that transformers' `MarianTokenizer` opens.

        Args:
            folder: Where to write; made if it does not exist.
            max_length: Noted for transformers as `model_max_length`.
        """
        from kzoo.tokenizers.translation_files import write_folder

        write_folder(self, folder, max_length)

    @property
    def notes(self) -> tuple[str, ...]:
        """What training had to say about either side."""
        return tuple(dict.fromkeys((*self.source.notes, *self.target.notes)))

    @property
    def is_shared(self) -> bool:
        """Whether both sides have one vocabulary, though perhaps two models."""
        return (
            self.source is self.target
            or self.source.vocabulary == self.target.vocabulary
        )

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens of the target."""
        return self.target.vocabulary_size

    @property
    def source_vocabulary_size(self) -> int:
        """The number of tokens of the source."""
        return self.source.vocabulary_size

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The target's end, unknown token and padding."""
        return self.target.special_tokens

    @property
    def frame_length(self) -> int:
        """How many special tokens stand around one text: the end."""
        return 1

    @property
    def end_id(self) -> int:
        """The target's id of the end."""
        return self.target.end_id

    @property
    def pad_id(self) -> int:
        """The target's id of the padding."""
        return self.target.pad_id

    @property
    def start_id(self) -> int:
        """The id that a decoder starts from: the padding."""
        return self.target.pad_id

    @property
    def unknown_id(self) -> int:
        """The target's id of the unknown token."""
        return self.target.unknown_id

    def encode_source(
        self, texts: Iterable[str | bytes], max_length: int | None = None
    ) -> EncodedTexts:
        """Return the ids of texts of the source language, each with its end.

        Args:
            texts: The texts. `>>fra<<` at the start of one is one token; it is
                `<unk>` to a vocabulary without it.
            max_length: The most ids wanted, the end included, which stays; what is
                beyond is cut off. None cuts nothing. `translate` does not cut: it
                splits long texts, or says that they are too long.

        Returns:
            One array of ids for each text.
        """
        return self.source.encode_batch(texts, max_length)

    def encode_target(
        self, texts: Iterable[str | bytes], max_length: int | None = None
    ) -> EncodedTexts:
        """Return the ids of texts of the target language, each with its end.

        Args:
            texts: The texts.
            max_length: As for `encode_source`.

        Returns:
            One array of ids for each text, without the start.
        """
        return self.target.encode_batch(texts, max_length)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text that some ids of the target spell.

        Args:
            ids: The ids, special ones anywhere among them.
            skip_special_tokens: Whether the special tokens are left out.

        Returns:
            The text.
        """
        return self.target.decode(ids, skip_special_tokens)

    def decode_source(
        self, ids: Iterable[int], skip_special_tokens: bool = True
    ) -> str:
        """Return the text that some ids of the source spell; see `decode`."""
        return self.source.decode(ids, skip_special_tokens)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as JSON can hold them.

        Returns:
            A dictionary; `target` is None where it is the source's object.
        """
        one = self.source is self.target
        return {
            "source": self.source.get_config(),
            "target": None if one else self.target.get_config(),
            "source_language": self.source_language,
            "target_language": self.target_language,
        }

    @classmethod
    def from_config(cls, config: dict) -> "TranslationTokenizer":
        """Return the tokenizer of `get_config`."""
        source = SentencePieceTokenizer.from_config(config["source"])
        target = config["target"]
        target = source if target is None else source.from_config(target)
        return cls(**{**config, "source": source, "target": target})

    def __repr__(self) -> str:
        sizes = (
            f"{self.source_vocabulary_size} source and {self.vocabulary_size} target"
        )
        if self.is_shared:
            sizes = f"{self.vocabulary_size} shared"
        return f"<TranslationTokenizer: {sizes} tokens>"


def _check_side(name: str, side: object) -> None:
    if not isinstance(side, SentencePieceTokenizer):
        raise InputError(
            "Each side of a translation has a SentencePieceTokenizer.",
            f"{name}={side!r}",
            "Use TranslationTokenizer.train or from_folder.",
        )
    if side.pad_id == side.end_id:
        raise InputError(
            "A translator's padding, which its decoder starts from, is not its end.",
            f"{name}.pad_token={side.pad_token!r}, which is its end_token",
            "Lay a vocabulary with <pad> over the model.",
        )
