"""Learning a WordPiece vocabulary, the same one from the same texts."""

from collections import Counter
from collections.abc import Iterable

from kzoo.errors import InputError
from kzoo.tokenizers.text_input import as_text
from kzoo.tokenizers.wordpiece_backend import build_normalizer


def learn_vocabulary(
    tokenizer,
    texts: Iterable[str | bytes],
    vocabulary_size: int,
    min_frequency: int,
    alphabet_size: int,
) -> tuple[list[str], tuple[str, ...]]:
    """Return the tokens that texts yield, and what there is to say about them.

    The Rust trainer breaks ties by ids that it gives out in the order of a hash
    table, another one in each process. Here every character, and every character
    inside a word, has its id before training begins, and the alphabet is chosen
    before too; what remains depends on the counts alone.

    Args:
        tokenizer: A `WordPieceTokenizer` of the special tokens alone: it says how
            texts are normalised.
        texts: The texts.
        vocabulary_size: Tokens wanted.
        min_frequency: How often a pair occurs to be joined.
        alphabet_size: Characters kept.

    Returns:
        The tokens, the special ones first, and notes for the user.

    Raises:
        InputError: No text, or a vocabulary too small for its characters.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    normalizer = build_normalizer(tokenizer)
    prefix = tokenizer.continuing_prefix
    normalized = [normalizer.normalize_str(as_text(text)) for text in texts]
    counts: Counter = Counter()
    for text in normalized:
        counts.update(text)
    kept = sorted(
        (char for char in counts if not char.isspace()),
        key=lambda char: (-counts[char], char),
    )
    if not kept:
        raise InputError(
            "A vocabulary is learnt from texts with at least one character.",
            f"{len(normalized)} texts, all of them empty",
            "Check the file and its text column.",
        )
    notes = []
    if len(kept) > alphabet_size:
        notes.append(
            f"{len(kept) - alphabet_size} of {len(kept)} characters are too rare for "
            f"the alphabet of {alphabet_size}; words with them are unknown"
        )
    kept = sorted(kept[:alphabet_size])
    first = [*tokenizer.special_tokens, *kept, *(prefix + char for char in kept)]
    first = list(dict.fromkeys(first))
    if vocabulary_size < len(first):
        raise InputError(
            "A vocabulary holds the special tokens and each character twice, "
            "at a word's head and inside.",
            f"vocabulary_size={vocabulary_size}",
            f"Pass {len(first)} or more, or a smaller alphabet_size.",
        )
    rust = Tokenizer(models.WordPiece({}, unk_token=tokenizer.unknown_token))
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=first,
        initial_alphabet=kept,
        limit_alphabet=len(kept),
        continuing_subword_prefix=prefix,
        show_progress=False,
    )
    rust.train_from_iterator(normalized, trainer)
    ids = rust.get_vocab()
    vocabulary = sorted(ids, key=ids.__getitem__)
    if len(vocabulary) < vocabulary_size:
        notes.append(
            f"the texts yield {len(vocabulary)} tokens, fewer than the "
            f"{vocabulary_size} asked for"
        )
    return vocabulary, tuple(notes)
