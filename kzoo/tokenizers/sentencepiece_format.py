"""The file format of SentencePiece models, as far as it is read and written here.

A model is a message of protocol buffers: a row of fields, each a tag, perhaps a
length, and a value. Field 1, once for each piece, is a message of the piece's text
(field 1), its score (field 2, a float) and its type (field 3). Field 2 is a message of
the training's settings, field 3 of which is the kind of model.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

NORMAL, USER_DEFINED = 1, 4  # types of pieces
UNIGRAM = 1  # a kind of model
_PIECES, _TRAINER = 1, 2
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # how a value is written


class _Field(NamedTuple):
    """One field: its number, and where its value begins and ends."""

    number: int
    start: int
    end: int


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    place = start
    while place < end:
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == _BYTES:
            size, place = _varint(data, place)
        elif kind == _VARINT:
            size = _varint(data, place)[1] - place
        else:
            size = {_FOUR: 4, _EIGHT: 8}[kind]
        yield _Field(tag >> 3, place, place + size)
        place += size


def _scores(model: bytes) -> Iterator[int]:
    """Yield where the score of each piece stands."""
    for piece in _fields(model, 0, len(model)):
        if piece.number == _PIECES:
            for field in _fields(model, piece.start, piece.end):
                if field.number == 2:
                    yield field.start


def is_unigram(model: bytes) -> bool:
    """Return whether a model is a unigram one, which is what it is by default.

    Args:
        model: The bytes of a whole model.

    Returns:
        False for BPE, words and characters.
    """
    for field in _fields(model, 0, len(model)):
        if field.number == _TRAINER:
            for inner in _fields(model, field.start, field.end):
                if inner.number == 3:
                    return _varint(model, inner.start)[0] == UNIGRAM
    return True


def with_exact_scores(model: bytes, step: float) -> bytes:
    """Return a model whose scores are multiples of a step.

    Sums of them are exact, in single precision too, up to 2 ** 24 steps: so every
    version of the library decides alike between cuts that are equally probable, such
    as `! !!!` and `!!! !`. With scores as they come it is up to how sums are rounded,
    which differs between versions.

    Args:
        model: The bytes of a whole model.
        step: A power of two.

    Returns:
        As many bytes.
    """
    written = bytearray(model)
    for place in _scores(model):
        (score,) = struct.unpack_from("<f", model, place)
        struct.pack_into("<f", written, place, round(score / step) * step)
    return bytes(written)


def with_pieces(model: bytes, pieces: Iterable[tuple[str, float, int]]) -> bytes:
    """Return a model with more pieces, behind those that it has.

    Args:
        model: The bytes of a whole model.
        pieces: Text, score and type of each, the text shorter than 100 bytes.

    Returns:
        The bytes: messages that follow each other are one message.
    """
    added = []
    for text, score, kind in pieces:
        spelt = text.encode("utf-8")
        body = b"\x0a" + bytes([len(spelt)]) + spelt
        body += b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])
        added.append(b"\x0a" + bytes([len(body)]) + body)
    return model + b"".join(added)
