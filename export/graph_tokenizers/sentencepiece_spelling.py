"""What each id of a SentencePiece tokenizer spells, measured on the library."""

import functools
import random


@functools.lru_cache(maxsize=4)
def spelt_tokens(tokenizer) -> tuple[tuple[bytes, ...], bool]:
    """Return the bytes that each id spells, special tokens nothing.

    Args:
        tokenizer: A `kzoo.tokenizers.SentencePieceTokenizer`.

    Returns:
        `vocabulary_size + 1` strings, the last for what is no token; and whether any
        of them is a byte alone, which need not be UTF-8.
    """
    processor = tokenizer.processor
    special = set(tokenizer.special_tokens)
    # Behind another piece, where the space that begins a piece counts.
    rows = [["a", token] for token in tokenizer.vocabulary]
    texts = processor.decode(rows)
    spelt, has_bytes = [], False
    for token, text in zip(tokenizer.vocabulary, texts, strict=True):
        index = processor.piece_to_id(token)
        if token in special:
            spelt.append(b"")
        elif processor.is_byte(index) and processor.id_to_piece(index) == token:
            spelt.append(bytes([int(token[3:5], 16)]))
            has_bytes = True
        else:
            spelt.append(text[1:].replace("\u2581", " ").encode("utf-8"))
    return (*spelt, b""), has_bytes


def spells_by_piece(tokenizer) -> bool:
    """Return whether a text is its pieces in a row, tried on some.

    Args:
        tokenizer: A `kzoo.tokenizers.SentencePieceTokenizer`.

    Returns:
        False where the model rewrites what its pieces spell.
    """
    spelt, has_bytes = spelt_tokens(tokenizer)
    rng = random.Random(7)
    plain = [i for i, text in enumerate(spelt[:-1]) if not has_bytes or len(text) > 1]
    if not plain:
        return True
    rows = [[rng.choice(plain) for _ in range(11)] for _ in range(64)]
    return all(
        tokenizer.decode(row) == b"".join(spelt[i] for i in row).decode().strip()
        for row in rows
    )
