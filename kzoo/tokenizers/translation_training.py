"""Learning the tokenizers of both sides of parallel text."""

import itertools
from collections.abc import Iterable

from kzoo.tokenizers.sentencepiece import SentencePieceTokenizer


def learn_joint(
    sources: Iterable[str | bytes],
    targets: Iterable[str | bytes],
    vocabulary_size: int,
    language_tokens: tuple[str, ...],
    options: dict,
) -> tuple[SentencePieceTokenizer, SentencePieceTokenizer]:
    """Return one tokenizer, learnt from both sides, twice.

    Args:
        sources: The source texts.
        targets: The target texts.
        vocabulary_size: Tokens wanted.
        language_tokens: Such as `">>fra<<"`.
        options: Those of `SentencePieceTokenizer.train`.

    Returns:
        The source's and the target's, which are one object.
    """
    both = SentencePieceTokenizer.train(
        itertools.chain(sources, targets),
        vocabulary_size,
        language_tokens=language_tokens,
        **options,
    )
    return both, both


def learn_separate(
    sources: Iterable[str | bytes],
    targets: Iterable[str | bytes],
    vocabulary_size: int,
    language_tokens: tuple[str, ...],
    options: dict,
) -> tuple[SentencePieceTokenizer, SentencePieceTokenizer]:
    """Return a tokenizer of each side, with vocabularies of one size.

    Args:
        sources: The source texts.
        targets: The target texts.
        vocabulary_size: Tokens wanted on each side.
        language_tokens: Such as `">>fra<<"`, for the source alone.
        options: Those of `SentencePieceTokenizer.train`.

    Returns:
        The source's and the target's.
    """
    source = SentencePieceTokenizer.train(
        sources, vocabulary_size, language_tokens=language_tokens, **options
    )
    target = SentencePieceTokenizer.train(targets, vocabulary_size, **options)
    size = max(source.vocabulary_size, target.vocabulary_size)
    return _filled(source, size), _filled(target, size)


def _filled(tokenizer: SentencePieceTokenizer, size: int) -> SentencePieceTokenizer:
    """Return a tokenizer with unused tokens before its padding."""
    missing = size - tokenizer.vocabulary_size
    if not missing:
        return tokenizer
    *tokens, pad = tokenizer.vocabulary
    unused = [f"<unused {index}>" for index in range(missing)]
    filled = SentencePieceTokenizer(tokenizer.model, vocabulary=[*tokens, *unused, pad])
    filled.notes = tokenizer.notes
    return filled
