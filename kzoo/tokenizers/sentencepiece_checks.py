"""What the SentencePiece tokenizers ask of their arguments."""

from collections.abc import Iterable

from kzoo.errors import InputError
from kzoo.tokenizers.text_input import as_text

# Marian's vocabularies hold more than 99 in 100 of their models' pieces; those of two
# languages that share a script have a third in common.
_SHARE = 0.8


def open_model(model: bytes):
    """Return the `SentencePieceProcessor` of the bytes of a model.

    Args:
        model: The bytes.

    Returns:
        The processor.

    Raises:
        InputError: They are no SentencePiece model.
    """
    from sentencepiece import SentencePieceProcessor

    processor = None
    if model:  # the library takes no bytes for no model at all, without a word
        try:
            processor = SentencePieceProcessor(model_proto=model)
        except RuntimeError:
            processor = None
    if processor is None or processor.get_piece_size() == 0:
        raise InputError(
            "A SentencePiece model is a whole .spm or .model file.",
            f"{len(model)} bytes that the sentencepiece library cannot read",
            "Copy the file again; it may be cut short, or a Git LFS pointer.",
        )
    return processor


def check_tokenizer(tokenizer) -> None:
    """Check a `SentencePieceTokenizer`.

    Args:
        tokenizer: The tokenizer.

    Raises:
        InputError: What its class says.
    """
    vocabulary = tokenizer.vocabulary
    if len(set(vocabulary)) != len(vocabulary):
        seen: set[str] = set()
        twice = next(t for t in vocabulary if t in seen or seen.add(t))
        raise InputError(
            "A vocabulary holds each token once.",
            f"vocabulary with {twice!r} twice",
            "Remove one of them.",
        )
    missing = [t for t in tokenizer.special_tokens if t not in tokenizer._id_of]
    if missing:
        raise InputError(
            "The vocabulary holds the end, the unknown token and the padding.",
            f"vocabulary without {', '.join(map(repr, missing))}",
            "Add them, or pass end_token, unknown_token and pad_token.",
        )
    if tokenizer.unknown_token in (tokenizer.end_token, tokenizer.pad_token):
        raise InputError(
            "The unknown token is neither the end nor the padding.",
            f"unknown_token={tokenizer.unknown_token!r}",
            "Name three tokens of the vocabulary.",
        )
    if tokenizer.has_own_vocabulary:
        _check_fit(tokenizer)


def _check_fit(tokenizer) -> None:
    """Check that the vocabulary was made for the model."""
    processor = tokenizer.processor
    pieces = [
        piece
        for index, piece in enumerate(tokenizer.pieces)
        if not processor.is_control(index) and not processor.is_unknown(index)
    ]
    known = sum(piece in tokenizer._id_of for piece in pieces)
    if known < _SHARE * len(pieces):
        raise InputError(
            "A vocabulary holds the pieces of its SentencePiece model.",
            f"a vocabulary of {len(tokenizer.vocabulary)} tokens that lacks "
            f"{len(pieces) - known} of the model's {len(pieces)} pieces",
            "Take the vocabulary and the model of the same checkpoint.",
        )


def check_max_length(max_length: int | None) -> None:
    """Check that a maximum leaves room for the end.

    Args:
        max_length: The most ids of a text; None for all.

    Raises:
        InputError: It is below 1.
    """
    if max_length is not None and max_length < 1:
        raise InputError(
            "max_length leaves room for the end token.",
            f"max_length={max_length}",
            "Pass 1 or more.",
        )


def as_texts(texts: Iterable[str | bytes]) -> list[str]:
    """Return many texts as a list of `str`.

    Args:
        texts: Each a `str`, or bytes of UTF-8.

    Returns:
        The texts.

    Raises:
        InputError: One text instead of many, or something that is no text.
    """
    if isinstance(texts, str | bytes):
        raise InputError(
            "encode_batch takes many texts.",
            f"texts={texts[:40]!r}",
            "Pass a list, or use encode.",
        )
    return [as_text(text) for text in texts]
