"""Learning a SentencePiece model, the same one from the same texts."""

import io
import re
from collections.abc import Iterable, Iterator

from kzoo.errors import InputError, unknown_name
from kzoo.tokenizers.sentencepiece_format import with_exact_scores
from kzoo.tokenizers.text_input import as_text

MODEL_TYPES = ("unigram", "bpe")
NORMALIZATIONS = ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity")
# Sums of probabilities depend on how many threads there are, so it is one number.
_THREADS = 4
# Of the scores, which are logarithms: cuts of one probability are decided alike by
# every version of the library, up to a sum of 16,384.
_SCORE_STEP = 2.0**-10
_LONGEST = 1 << 30  # bytes; the library drops longer lines without a word


def learn(
    texts: Iterable[str | bytes],
    vocabulary_size: int,
    *,
    model_type: str,
    character_coverage: float,
    byte_fallback: bool,
    normalization: str,
    language_tokens: tuple[str, ...],
) -> tuple[bytes, list[str], tuple[str, ...]]:
    """Return a model, its vocabulary in Marian's order, and notes for the user.

    Args:
        texts: The texts.
        vocabulary_size: Tokens wanted, the special ones included.
        model_type: One of `MODEL_TYPES`.
        character_coverage: The share of characters that have pieces.
        byte_fallback: Whether unknown characters are spelt in bytes.
        normalization: One of `NORMALIZATIONS`.
        language_tokens: Tokens that no text is cut into.

    Returns:
        The model's bytes; `</s>`, `<unk>`, the pieces, the language tokens and
        `<pad>`; and the notes.

    Raises:
        InputError: What `SentencePieceTokenizer.train` says.
    """
    from sentencepiece import SentencePieceTrainer

    if model_type not in MODEL_TYPES:
        raise unknown_name("model_type", model_type, MODEL_TYPES)
    if normalization not in NORMALIZATIONS:
        raise unknown_name("normalization", normalization, NORMALIZATIONS)
    if not 0.98 <= character_coverage <= 1:
        raise InputError(
            "character_coverage is between 0.98 and 1.",
            f"character_coverage={character_coverage}",
            "Pass 1.0, or 0.9995 for Chinese and Japanese.",
        )
    _check_languages(language_tokens)
    around = len(language_tokens) + 1  # tokens that the model does not hold
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=written,
            vocab_size=max(vocabulary_size - around, 2),  # the end and <unk>
            model_type=model_type,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            normalization_rule_name=normalization,
            eos_id=0,
            unk_id=1,
            bos_id=-1,
            pad_id=-1,
            hard_vocab_limit=False,
            max_sentence_length=_LONGEST,
            num_threads=_THREADS,
            minloglevel=3,
        )
    except RuntimeError as error:
        raise _explained(error, vocabulary_size, around) from error
    model = with_exact_scores(written.getvalue(), _SCORE_STEP)
    pieces = _pieces(model)
    vocabulary = [*pieces, *language_tokens, "<pad>"]
    notes = ()
    if len(vocabulary) < vocabulary_size:
        notes = (
            f"the texts yield {len(vocabulary)} tokens, fewer than the "
            f"{vocabulary_size} asked for",
        )
    return model, vocabulary, notes


def _lines(texts: Iterable[str | bytes]) -> Iterator[str]:
    """Yield the lines of the texts that are not blank.

    A tab parts the words of a line as a space does; the library takes it for the
    beginning of a count.
    """
    for text in texts:
        for line in as_text(text).replace("\t", " ").split("\n"):
            if line.strip():
                yield line.replace("\0", " ")


def _pieces(model: bytes) -> list[str]:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


def _check_languages(tokens: tuple[str, ...]) -> None:
    for token in tokens:
        if not re.fullmatch(r">>[^<]+<<", token):
            raise InputError(
                "A language token is a name between >> and <<.",
                f"language_tokens with {token!r}",
                "Write it as '>>fra<<'.",
            )


def _explained(error: RuntimeError, vocabulary_size: int, around: int) -> InputError:
    text = str(error)
    too_small = re.search(r"smaller than required_chars\. \d+ vs (\d+)", text)
    if too_small:
        return InputError(
            "A vocabulary holds the special tokens and every character that is kept.",
            f"vocabulary_size={vocabulary_size}",
            f"Pass {int(too_small[1]) + around} or more, or a lower "
            "character_coverage.",
        )
    if "sentences_.empty" in text or "all_chars_count" in text:
        return InputError(
            "A vocabulary is learnt from texts with at least one character.",
            "no text, or empty ones alone",
            "Check the file and its text column.",
        )
    return InputError(
        "The sentencepiece library could learn from the texts.", text.strip()
    )
