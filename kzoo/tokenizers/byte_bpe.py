"""The byte-level BPE tokenizer of GPT-2 and RoBERTa, on the host."""

import functools
import os
from collections.abc import Iterable, Sequence

from kzoo.tokenizers.byte_alphabet import bytes_of_token
from kzoo.tokenizers.byte_bpe_checks import check_tokenizer, pairs_of_merges
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.unsegmented import encode_unsegmented
from kzoo.tokenizers.vocabulary_tokenizer import VocabularyTokenizer


class ByteBPETokenizer(VocabularyTokenizer):
    """Text to ids by merging bytes, and back without loss.

    A text is cut into words (a contraction such as `'ll`; letters, digits or other
    signs, each with the space before them; whitespace), each word into its bytes of
    UTF-8. Then neighbours are joined, the pair that stands first in `merges` first,
    until no pair of the word is in it. What is left are tokens. The bytes are in the
    vocabulary, so every text has ids and `decode(encode(text)) == text`.

    GPT-2 puts nothing around a text. Where `cls_token` and `sep_token` are given, as
    RoBERTa has them, a text is framed:

        <s> first </s>
        <s> first </s></s> second </s>

    Segments are 0 throughout. A special token that is spelt out in a text is that
    token, as it is in transformers.

    Args:
        vocabulary: The tokens, in the characters that stand for bytes (a space is
            `Ġ`); a token's id is its place.
        merges: Pairs of tokens, `("a", "b")` or `"a b"`, the first one joined first.
        end_token: The token behind a document.
        start_token: The token before a document; None means `end_token`.
        pad_token: The token that fills rows up; None means `end_token`.
        unknown_token: Written into files alone, no text is unknown; None means
            `end_token`.
        cls_token: The token before a framed text; None for no frame.
        sep_token: The token behind a framed text; None for no frame.
        mask_token: The token of a masked place; None where there is none.
        mask_takes_space: Whether whitespace before a `mask_token` that is spelt out
            belongs to it.
        extra_special_tokens: Other tokens that are matched whole.
        add_prefix_space: Whether a text begins as if a space stood before it.
        special_tokens_in_text: Whether a special token that is spelt out is that
            token; else it is text like any other.

    Raises:
        InputError: A token stands twice; a byte, a special token or a part of a merge
            is not in the vocabulary; only one of `cls_token` and `sep_token` is
            given.

    Example:
        >>> texts = ["low lower lowest", "low slow"]
        >>> tokenizer = ByteBPETokenizer.train(texts, vocabulary_size=260)
        >>> [tokenizer.vocabulary[i] for i in tokenizer.encode("slow")]
        ['s', 'low']
        >>> tokenizer.decode(tokenizer.encode("naïve 漢字"))
        'naïve 漢字'

    Reference:
        Sennrich et al. 2016, arXiv 1508.07909, section 3.2; Radford et al. 2019,
        "Language Models are Unsupervised Multitask Learners", section 2.2.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Iterable[tuple[str, str] | str],
        *,
        end_token: str = "<|endoftext|>",
        start_token: str | None = None,
        pad_token: str | None = None,
        unknown_token: str | None = None,
        cls_token: str | None = None,
        sep_token: str | None = None,
        mask_token: str | None = None,
        mask_takes_space: bool = True,
        extra_special_tokens: Sequence[str] = (),
        add_prefix_space: bool = False,
        special_tokens_in_text: bool = True,
    ) -> None:
        self.vocabulary = list(vocabulary)
        self.merges = pairs_of_merges(merges)
        self.end_token = end_token
        self.start_token = start_token
        self.pad_token = pad_token
        self.unknown_token = unknown_token
        self.cls_token = cls_token
        self.sep_token = sep_token
        self.mask_token = mask_token
        self.mask_takes_space = mask_takes_space
        self.extra_special_tokens = tuple(extra_special_tokens)
        self.add_prefix_space = add_prefix_space
        self.special_tokens_in_text = special_tokens_in_text
        self.notes: tuple[str, ...] = ()
        self._id_of = {token: index for index, token in enumerate(self.vocabulary)}
        check_tokenizer(self)

    @classmethod
    def train(
        cls,
        texts: Iterable[str | bytes],
        *,
        vocabulary_size: int = 30_000,
        min_frequency: int = 2,
        **options,
    ) -> "ByteBPETokenizer":
        """Return a tokenizer whose merges are learnt from `texts`.

        The special tokens come first in the vocabulary, then the 256 bytes, then one
        token for each merge. The same texts, in any order and in any process, give
        the same one. Where they do not yield `vocabulary_size` tokens the vocabulary
        is smaller, and `notes` says so.

        Args:
            texts: The texts to learn from.
            vocabulary_size: Tokens wanted, the special ones and the bytes included.
            min_frequency: How often a pair occurs to be joined.
            **options: The constructor's other arguments.

        Returns:
            The tokenizer.

        Raises:
            InputError: A vocabulary too small for its bytes.
        """
        from kzoo.tokenizers.byte_bpe_training import learn

        vocabulary, merges, notes = learn(
            cls, texts, vocabulary_size, min_frequency, options
        )
        tokenizer = cls(vocabulary, merges, **options)
        tokenizer.notes = notes
        return tokenizer

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> "ByteBPETokenizer":
        """Return the tokenizer of a Hugging Face folder, or of one that `save` wrote.

        Args:
            folder: A folder with `tokenizer.json`, `vocab.json` and `merges.txt`, or
                `encoder.json` and `vocab.bpe`, and perhaps `tokenizer_config.json`
                and `special_tokens_map.json`.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or a part that is not supported.
        """
        from kzoo.tokenizers.byte_bpe_files import read_folder

        return cls(**read_folder(folder))

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> "ByteBPETokenizer":
        """Return the tokenizer of one `tokenizer.json`.

        Args:
            path: The file.

        Returns:
            The tokenizer.

        Raises:
            InputError: Nothing to read, or a part that is not supported.
        """
        from kzoo.tokenizers.byte_bpe_files import read_file

        return cls(**read_file(path))

    def save(self, folder: str | os.PathLike, max_length: int | None = None) -> None:
        """Write the files that transformers opens with the same ids.

        Its class is `RobertaTokenizerFast` where texts are framed, else
        `GPT2TokenizerFast`.

        Args:
            folder: Where to write; made if it does not exist.
            max_length: Noted for transformers as `model_max_length`.
        """
        from kzoo.tokenizers.byte_bpe_writing import write_folder

        write_folder(self, folder, max_length)

    @functools.cached_property
    def backend(self):
        """The `tokenizers.Tokenizer` that does the work."""
        from kzoo.tokenizers.byte_bpe_backend import build_backend

        return build_backend(self)

    @functools.cached_property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens, each once, in the order of their ids."""
        named = (
            self.end_token,
            self.start_token,
            self.pad_token,
            self.unknown_token,
            self.cls_token,
            self.sep_token,
            self.mask_token,
            *self.extra_special_tokens,
        )
        return tuple(
            sorted({token for token in named if token}, key=lambda t: self._id_of[t])
        )

    @property
    def is_framed(self) -> bool:
        """Whether `cls_token` and `sep_token` stand around a text."""
        return self.cls_token is not None

    @property
    def frame_length(self) -> int:
        """How many special tokens stand around one text."""
        return 2 if self.is_framed else 0

    @property
    def end_id(self) -> int:
        """The id of `end_token`."""
        return self._id_of[self.end_token]

    @property
    def start_id(self) -> int:
        """The id of the token before a document."""
        return self._id_of[self.start_token or self.end_token]

    @property
    def pad_id(self) -> int:
        """The id of the token that fills rows up."""
        return self._id_of[self.pad_token or self.end_token]

    @property
    def cls_id(self) -> int | None:
        """The id of `cls_token`; None where texts are not framed."""
        return self._id_of.get(self.cls_token)  # type: ignore[arg-type]

    @property
    def sep_id(self) -> int | None:
        """The id of `sep_token`; None where texts are not framed."""
        return self._id_of.get(self.sep_token)  # type: ignore[arg-type]

    @property
    def mask_id(self) -> int | None:
        """The id of `mask_token`; None where there is none."""
        return self._id_of.get(self.mask_token)  # type: ignore[arg-type]

    def token_bytes(self, index: int) -> bytes:
        """Return the bytes that one id spells, which need not be whole characters.

        Args:
            index: The id. One that is no token, such as the row that pads an
                embedding, spells nothing.

        Returns:
            The bytes.
        """
        table = self._bytes_of_ids
        return table[index] if 0 <= index < len(table) else b""

    @functools.cached_property
    def _bytes_of_ids(self) -> list[bytes]:
        special = set(self.special_tokens)
        return [
            token.encode() if token in special else bytes_of_token(token)
            for token in self.vocabulary
        ]

    @functools.cached_property
    def _special_ids(self) -> frozenset[int]:
        return frozenset(self._id_of[token] for token in self.special_tokens)

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
        frame = None
        if self.cls_id is not None and self.sep_id is not None:
            frame = self.cls_id, self.sep_id
        return encode_unsegmented(texts, self._ids, frame, max_length)

    def _ids(self, texts: list[str]) -> Iterable[list[int]]:
        encodings = self.backend.encode_batch_fast(texts, add_special_tokens=False)
        return (encoding.ids for encoding in encodings)

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text that some ids spell.

        Args:
            ids: The ids.
            skip_special_tokens: Whether the special tokens are left out.

        Returns:
            The text; what is not UTF-8 becomes U+FFFD.
        """
        hidden = self._special_ids if skip_special_tokens else ()
        listed = (int(index) for index in ids)
        spelt = [self.token_bytes(i) for i in listed if i not in hidden]
        return b"".join(spelt).decode("utf-8", "replace")

    def get_config(self) -> dict:
        """Return the constructor's arguments.

        Returns:
            A dictionary that JSON can hold.
        """
        return {
            "vocabulary": list(self.vocabulary),
            "merges": [list(pair) for pair in self.merges],
            "end_token": self.end_token,
            "start_token": self.start_token,
            "pad_token": self.pad_token,
            "unknown_token": self.unknown_token,
            "cls_token": self.cls_token,
            "sep_token": self.sep_token,
            "mask_token": self.mask_token,
            "mask_takes_space": self.mask_takes_space,
            "extra_special_tokens": list(self.extra_special_tokens),
            "add_prefix_space": self.add_prefix_space,
            "special_tokens_in_text": self.special_tokens_in_text,
        }

    def __repr__(self) -> str:
        frame = "framed" if self.is_framed else "no frame"
        return f"<ByteBPETokenizer: {self.vocabulary_size} tokens, {frame}>"
