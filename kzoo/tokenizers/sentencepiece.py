"""The SentencePiece tokenizer of one language, on the host."""

import base64
import functools
import os
from collections.abc import Iterable, Sequence

import numpy as np

from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.sentencepiece_checks import (
    as_texts,
    check_max_length,
    check_tokenizer,
    open_model,
)
from kzoo.tokenizers.vocabulary_tokenizer import VocabularyTokenizer

_SPACE = "\u2581"  # what stands for a space inside a piece


class SentencePieceTokenizer(VocabularyTokenizer):
    """Text to ids by the pieces of a SentencePiece model, and back.

    The model normalises a text (its own rules, NFKC mostly), puts U+2581 for each
    space, and cuts it into pieces: the most probable cut under a unigram model, or
    the merges of BPE. Each piece has an id, and `</s>` stands behind them:

        ids = [id(piece) for piece in pieces(text)] + [end_id]

    The ids are the model's own, or those of a `vocabulary` that is laid over it, as
    Marian has them: a piece that the vocabulary lacks is `<unk>`, and a run of
    characters that the model does not know is looked up as it stands. With a
    vocabulary of its own, `>>fra<<` at the very start of a text is one token, which
    tells a multilingual model its target language.

    No text yields the end or the padding: `</s>` spelt out in a text is text.

    Args:
        model: The bytes of a SentencePiece model (`.spm`, `.model`).
        vocabulary: The tokens that the ids stand for, a token's id is its place; None
            for the model's own pieces.
        end_token: The token behind a text; None means the model's own, or `</s>`.
        unknown_token: The token of an unknown piece; None means the model's own, or
            `<unk>`.
        pad_token: The token that fills rows up; None means `<pad>` of a vocabulary,
            the model's own, or else the end.

    Raises:
        InputError: The model is damaged; a token stands twice; a special token is not
            in the vocabulary; the vocabulary is that of another model.

    Example:
        >>> texts = ["low lower lowest", "slow lower", "new newer newest"]
        >>> tokenizer = SentencePieceTokenizer.train(texts, 24, model_type="bpe")
        >>> ids = tokenizer.encode("slower")
        >>> [tokenizer.vocabulary[i] for i in ids]
        ['▁s', 'lo', 'wer', '</s>']
        >>> tokenizer.decode(ids)
        'slower'

    Reference:
        Kudo and Richardson 2018, arXiv 1808.06226; Kudo 2018, arXiv 1804.10959,
        section 3.2 (unigram); Sennrich et al. 2016, arXiv 1508.07909 (BPE).
    """

    _cached = ("processor", "pieces", "text_ids")

    def __init__(
        self,
        model: bytes,
        *,
        vocabulary: Sequence[str] | None = None,
        end_token: str | None = None,
        unknown_token: str | None = None,
        pad_token: str | None = None,
    ) -> None:
        self.model = bytes(model)
        self.has_own_vocabulary = vocabulary is not None
        self.notes: tuple[str, ...] = ()
        if vocabulary is None:
            processor = self.processor
            named = processor.eos_id(), processor.unk_id(), processor.pad_id()
            self.vocabulary = self.pieces
            eos, unk, pad = (self.pieces[i] if i >= 0 else None for i in named)
        else:
            self.vocabulary = list(vocabulary)
            eos, unk = "</s>", "<unk>"
            pad = "<pad>" if "<pad>" in self.vocabulary else None
        self.end_token = end_token or eos or "</s>"
        self.unknown_token = unknown_token or unk or "<unk>"
        self.pad_token = pad_token or pad or self.end_token
        self._id_of = {token: index for index, token in enumerate(self.vocabulary)}
        check_tokenizer(self)

    @classmethod
    def train(
        cls,
        texts: Iterable[str | bytes],
        vocabulary_size: int = 8_000,
        *,
        model_type: str = "unigram",
        character_coverage: float = 1.0,
        byte_fallback: bool = False,
        normalization: str = "nmt_nfkc",
        language_tokens: Sequence[str] = (),
    ) -> "SentencePieceTokenizer":
        """Return a tokenizer whose pieces are learnt from `texts`.

        Its vocabulary is laid out as Marian's: `</s>` is 0, `<unk>` is 1, then come
        the pieces, `language_tokens`, and `<pad>` last. The same texts, in any order
        and in any process, give the same one. Where they do not yield
        `vocabulary_size` tokens the vocabulary is smaller, and `notes` says so.

        Args:
            texts: The texts to learn from; line feeds part them.
            vocabulary_size: Tokens wanted, the special ones included.
            model_type: `"unigram"` or `"bpe"`.
            character_coverage: The share of the characters, counted as often as they
                occur, that must have pieces; the others are unknown. 0.9995 keeps
                Chinese or Japanese from filling the vocabulary with rare ones.
            byte_fallback: Whether an unknown character is spelt in bytes, `<0xE6>`,
                which takes 256 tokens.
            normalization: `"nmt_nfkc"`, `"nfkc"`, `"nmt_nfkc_cf"` or `"nfkc_cf"`
                (which fold case), or `"identity"`.
            language_tokens: Such as `">>fra<<"`.

        Returns:
            The tokenizer.

        Raises:
            InputError: No text, an unknown option, or a vocabulary too small for its
                characters.
        """
        from kzoo.tokenizers.sentencepiece_training import learn

        model, vocabulary, notes = learn(
            texts,
            vocabulary_size,
            model_type=model_type,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            normalization=normalization,
            language_tokens=tuple(language_tokens),
        )
        tokenizer = cls(model, vocabulary=vocabulary)
        tokenizer.notes = notes
        return tokenizer

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> "SentencePieceTokenizer":
        """Return the tokenizer of a folder with one model.

        Args:
            folder: A folder with `spiece.model`, `sentencepiece.bpe.model` or
                `tokenizer.model`, and perhaps `vocab.json`.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or files that do not fit each other.
        """
        from kzoo.tokenizers.sentencepiece_files import read_folder

        return cls(**read_folder(folder))

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "SentencePieceTokenizer":
        """Return the tokenizer of one model, with the model's own ids.

        Args:
            path: A `.model` or `.spm` file.

        Returns:
            The tokenizer.

        Raises:
            InputError: No such file, or one that is damaged.
        """
        from kzoo.tokenizers.sentencepiece_files import read_model

        return cls(read_model(path))

    def save(self, folder: str | os.PathLike, max_length: int | None = None) -> None:
        """Write `spiece.model`, and `vocab.json` where a vocabulary is laid over it.

        Args:
            folder: Where to write; made if it does not exist.
            max_length: Noted as `model_max_length`.
        """
        from kzoo.tokenizers.sentencepiece_files import write_folder

        write_folder(self, folder, max_length)

    @functools.cached_property
    def processor(self):
        """The `sentencepiece.SentencePieceProcessor` that does the work."""
        return open_model(self.model)

    @functools.cached_property
    def pieces(self) -> list[str]:
        """The pieces of the model, in the order of its own ids."""
        size = self.processor.get_piece_size()
        return [self.processor.id_to_piece(index) for index in range(size)]

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The end, the unknown token and the padding, each once."""
        named = (self.end_token, self.unknown_token, self.pad_token)
        return tuple(dict.fromkeys(named))

    @property
    def frame_length(self) -> int:
        """How many special tokens stand around one text: the end."""
        return 1

    @property
    def end_id(self) -> int:
        """The id of `end_token`."""
        return self._id_of[self.end_token]

    @property
    def pad_id(self) -> int:
        """The id of the token that fills rows up."""
        return self._id_of[self.pad_token]

    @property
    def unknown_id(self) -> int:
        """The id of `unknown_token`."""
        return self._id_of[self.unknown_token]

    @functools.cached_property
    def text_ids(self) -> dict[str, int]:
        """The ids that a text can have, by piece: all but end and padding."""
        hidden = {self.end_token, self.pad_token}
        return {t: index for t, index in self._id_of.items() if t not in hidden}

    def encode_batch(
        self, texts: Iterable[str | bytes], max_length: int | None = None
    ) -> EncodedTexts:
        """Return the ids of many texts, `end_id` behind each.

        Args:
            texts: The texts; bytes are UTF-8, ill-formed parts become U+FFFD.
            max_length: The most ids wanted, the end included, which stays; what is
                beyond is cut off. None cuts nothing. A translator does not cut long
                texts: it splits them, or says that they are too long.

        Returns:
            One array of ids and one of segment ids, all 0, for each text.
        """
        check_max_length(max_length)
        parts = [self._without_language(text) for text in as_texts(texts)]
        bodies = [body for _, body in parts]
        threads = -1 if len(bodies) > 64 else 1
        rows = self.processor.encode(bodies, out_type=str, num_threads=threads)
        kept = None if max_length is None else max_length - 1
        known, unknown = self.text_ids, self.unknown_id
        encoded = EncodedTexts([], [])
        for (language, _), pieces in zip(parts, rows, strict=True):
            ids = [known.get(piece, unknown) for piece in (*language, *pieces)][:kept]
            encoded.ids.append(np.array([*ids, self.end_id], "int32"))
            encoded.segment_ids.append(np.zeros(len(ids) + 1, "int32"))
        return encoded

    def _without_language(self, text: str) -> tuple[tuple[str, ...], str]:
        """Return the language token that begins a text, if any, and the rest."""
        if self.has_own_vocabulary and text.startswith(">>"):
            end = text.find("<<") + 2
            if end > 1:
                return (text[:end],), text[end:]
        return (), text

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text that some ids spell, without whitespace around it.

        Args:
            ids: The ids; one that is no token, such as a row that pads an embedding,
                spells nothing. Pieces of another language's model spell themselves.
            skip_special_tokens: Whether the special tokens are left out; else each is
                written with a space behind it.

        Returns:
            The text; bytes that are not UTF-8 become U+FFFD.
        """
        size = len(self.vocabulary)
        tokens = [self.vocabulary[int(i)] for i in ids if 0 <= int(i) < size]
        special = self.special_tokens
        if skip_special_tokens:
            return self._spell([t for t in tokens if t not in special]).strip()
        spelt, run = "", []
        for token in tokens:
            if token in special:
                spelt += self._spell(run) + token + " "
                run = []
            else:
                run.append(token)
        return (spelt + self._spell(run)).strip()

    def _spell(self, tokens: list[str]) -> str:
        text = self.processor.decode(tokens) if tokens else ""
        return text.replace(_SPACE, " ")

    def get_config(self) -> dict:
        """Return the constructor's arguments, as JSON can hold them."""
        return {
            "model": base64.b64encode(self.model).decode("ascii"),
            "vocabulary": list(self.vocabulary) if self.has_own_vocabulary else None,
            "end_token": self.end_token,
            "unknown_token": self.unknown_token,
            "pad_token": self.pad_token,
        }

    @classmethod
    def from_config(cls, config: dict) -> "SentencePieceTokenizer":
        """Return the tokenizer of `get_config`."""
        return cls(**{**config, "model": base64.b64decode(config["model"])})

    def __repr__(self) -> str:
        return f"<SentencePieceTokenizer: {self.vocabulary_size} tokens>"
