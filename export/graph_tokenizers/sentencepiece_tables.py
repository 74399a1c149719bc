"""What the graphs know of a SentencePiece tokenizer, measured on the library."""

from typing import NamedTuple

import numpy as np

from kzoo.export.graph_tokenizers.sentencepiece_spelling import spells_by_piece
from kzoo.tokenizers.sentencepiece_format import (
    NORMAL,
    USER_DEFINED,
    is_unigram,
    with_exact_scores,
    with_pieces,
)

# What takes the place of U+0000, which no piece has and at which
# onnxruntime-extensions ends a string: three code points that are no characters, which
# a model then knows as one piece.
NUL = "\ufdd0\ufdd1\ufdd0"
REWRITING_LIMITATION = (
    "the SentencePiece model rewrites a text after joining its pieces; a graph joins "
    "them alone"
)
TIE_LIMITATION = (
    "a text that can be cut in several ways of the same or nearly the same "
    "probability, such as '....' or '!!!!', may be cut in another of them than on the "
    "host: the sentencepiece library of tensorflow-text and onnxruntime-extensions "
    "rounds sums of this model's scores otherwise"
)
_UNKNOWN_PENALTY = 10.0  # what the library takes off the lowest score for no piece
_KEY_LIMIT = 1 << 62
# Scores of a foreign model are rounded to this in a graph. The host's library decides
# most ties as exact sums do, which these are up to 4,096; and cuts that differ in
# probability seldom differ by less.
_SCORE_STEP = 2.0**-12


def sides(tokenizer):
    """Return the tokenizers of source and target; one that is no pair is both.

    Args:
        tokenizer: A `TranslationTokenizer` or `SentencePieceTokenizer`.

    Returns:
        Two `SentencePieceTokenizer`s.
    """
    source = getattr(tokenizer, "source", tokenizer)
    return source, getattr(tokenizer, "target", tokenizer)


def graph_model(tokenizer) -> bytes:
    """Return the model of a tokenizer as graphs use it: its scores rounded."""
    model = tokenizer.model
    return with_exact_scores(model, _SCORE_STEP) if is_unigram(model) else model


class OnnxPieces(NamedTuple):
    """A model that an ONNX graph can use in the place of the tokenizer's own.

    onnxruntime-extensions gives ids alone, so what an unknown piece was is lost; but
    a vocabulary laid over a model may hold it. Hence the characters of such tokens
    become pieces of the model, which do not change how it cuts a text.

    A run of unknown characters is one unknown piece to the library. Here it is a run
    of `letters` above 0, written as a number to look it up: the sum of
    `letter * base**place`.

    Args:
        model: The model's bytes.
        ids: int64 `(pieces,)`, the id of each piece.
        letters: int64 `(pieces,)`: 0 for a piece that is known; else the number of
            an unknown character, the highest one being any other.
        base: One more than the highest letter.
        runs: The id of each run that the vocabulary holds.
        longest: The longest of them, in characters.
        unreached: Tokens too long to be found.
        nul: What a NUL becomes before the model sees it.
    """

    model: bytes
    ids: np.ndarray
    letters: np.ndarray
    base: int
    runs: dict[int, int]
    longest: int
    unreached: tuple[str, ...]
    nul: str


def onnx_pieces(tokenizer) -> OnnxPieces:
    """Return what `onnx_sentencepiece` puts into its graph.

    Args:
        tokenizer: A `kzoo.tokenizers.SentencePieceTokenizer`.

    Returns:
        The model and its tables.
    """
    processor, pieces = tokenizer.processor, tokenizer.pieces
    real = [
        index
        for index in range(len(pieces))
        if not processor.is_control(index) and not processor.is_unknown(index)
    ]
    known = {pieces[index] for index in real if len(pieces[index]) == 1}
    falls_back = any(processor.is_byte(index) for index in real)
    tokens = [] if falls_back else _unknown_runs(tokenizer, known)
    characters = sorted(set("".join(tokens)))
    base = len(characters) + 2
    # Keys of runs one longer than the longest token must fit into 64 bits too.
    reach = int(np.log(_KEY_LIMIT) / np.log(base)) - 1
    unreached = tuple(token for token in tokens if len(token) > reach)
    tokens = [token for token in tokens if len(token) <= reach]
    letter_of = {character: n for n, character in enumerate(characters, 1)}
    lowest = min((processor.get_score(index) for index in real), default=0.0)
    lowest = round(lowest / _SCORE_STEP) * _SCORE_STEP
    added, score = _added(characters, {pieces[index] for index in real}, known, lowest)
    # To merge a piece of three characters BPE would want one of two as well.
    kind = NORMAL if is_unigram(tokenizer.model) else USER_DEFINED
    written = [(character, score, NORMAL) for character in added]
    written.append((NUL, lowest, kind))
    count = len(pieces) + len(written)
    ids = np.full(count, tokenizer.unknown_id, "int64")
    letters = np.zeros(count, "int64")
    for index in real:
        ids[index] = tokenizer.text_ids.get(pieces[index], tokenizer.unknown_id)
    nul = "<0x00>" if falls_back else "\0"
    ids[-1] = tokenizer.text_ids.get(nul, tokenizer.unknown_id)
    if not falls_back:
        letters[[processor.unk_id(), -1]] = base - 1
        letters[len(pieces) : -1] = [letter_of.get(c, base - 1) for c in added]
    runs = {
        sum(letter_of[character] * base**place for place, character in enumerate(t)):
        tokenizer.text_ids[t]
        for t in tokens
    }  # fmt: skip
    return OnnxPieces(
        with_pieces(graph_model(tokenizer), written),
        ids,
        letters,
        base,
        runs,
        max(map(len, tokens), default=0),
        unreached,
        _nul_stand_in(processor),
    )


def _unknown_runs(tokenizer, known: set[str]) -> list[str]:
    """Return the tokens that are no pieces but may be a run of unknown characters."""
    pieces = set(tokenizer.pieces)
    return [
        token
        for token in tokenizer.text_ids
        if token and token not in pieces and not known & set(token)
    ]


def _added(characters, pieces, known, lowest) -> tuple[list[str], float]:
    """Return the characters that become pieces, and their score.

    An unknown character that is in no piece is cut off whatever its score. One that
    is in a longer piece may be cut either way, so all of those then become pieces,
    with the score that an unknown character has.
    """
    inside = set("".join(piece for piece in pieces if len(piece) > 1)) - known
    if not inside & set(characters):
        return list(characters), lowest
    return sorted(inside | set(characters)), lowest - _UNKNOWN_PENALTY


def _nul_stand_in(processor) -> str:
    """Return what fares in the graph's model as NUL does in the host's."""
    normal = processor.normalize("a\0b")
    for other in ("", " "):
        if normal == processor.normalize(f"a{other}b"):
            return other
    return NUL


def sentencepiece_limitations(tokenizer) -> tuple[str, ...]:
    """Return for which texts a graph cannot give what the host does.

    Args:
        tokenizer: A `TranslationTokenizer` or `SentencePieceTokenizer`.

    Returns:
        Sentences; empty for what kzoo trained, up to texts of some thousand pieces.
    """
    source, target = sides(tokenizer)
    found = []
    if is_unigram(source.model) and graph_model(source) != source.model:
        found.append(TIE_LIMITATION)
    unreached = onnx_pieces(source).unreached
    if unreached:
        found.append(
            f"{len(unreached)} tokens of unknown characters, such as {unreached[0]!r}, "
            "are too long for the ONNX graph, which calls them unknown"
        )
    if not spells_by_piece(target):
        found.append(REWRITING_LIMITATION)
    return tuple(found)
