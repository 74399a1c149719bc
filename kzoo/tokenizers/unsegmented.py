"""Batches of texts for the tokenizers that know no segments."""

from collections.abc import Callable, Iterable

import numpy as np

from kzoo.errors import InputError
from kzoo.tokenizers.encoded_texts import EncodedTexts
from kzoo.tokenizers.framing import pair_framed
from kzoo.tokenizers.text_input import as_pair


def encode_unsegmented(
    texts: Iterable,
    ids_of: Callable[[list[str]], Iterable[list[int]]],
    cls_and_sep: tuple[int, int] | None,
    max_length: int | None,
) -> EncodedTexts:
    """Return the ids of many texts, or pairs, or both, with segments that are 0.

    Args:
        texts: Each a `str`, bytes, or a pair of them as a tuple.
        ids_of: The ids of each of some plain texts.
        cls_and_sep: The frame, as `pair_framed` takes it.
        max_length: The most ids wanted, the frame included; None for all.

    Returns:
        One array of ids and one of segment ids for each text.

    Raises:
        InputError: One text instead of many, or a `max_length` below the frame.
    """
    if isinstance(texts, str | bytes):
        raise InputError(
            "encode_batch takes many texts.",
            f"texts={texts[:40]!r}",
            "Pass a list, or use encode.",
        )
    pairs = [as_pair(text) for text in texts]
    flat = [text for both in pairs for text in both if text is not None]
    rows = iter(ids_of(flat) if flat else ())
    encoded = EncodedTexts([], [])
    for _, second in pairs:
        first = next(rows)
        behind = None if second is None else next(rows)
        ids = pair_framed(first, behind, cls_and_sep, max_length)
        encoded.ids.append(np.array(ids, "int32"))
        encoded.segment_ids.append(np.zeros(len(ids), "int32"))
    return encoded
