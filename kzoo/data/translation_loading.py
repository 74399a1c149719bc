"""From a data spec or pairs to batches of a translator, ready for `fit`."""

import os
from collections.abc import Callable

from kzoo.data.loading import at_most, for_backend
from kzoo.data.pair_order import PairOrder
from kzoo.data.pair_tokens import LONG_PAIRS, PairTokens, fitting, tokenize_pairs
from kzoo.data.pairs import Pairs, read_pairs
from kzoo.data.translation_batches import TranslationBatches
from kzoo.errors import unknown_name

_BATCH_SIZE = 32


def load_translation(
    spec: str | os.PathLike,
    split: str,
    model,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    seed: int = 0,
    shuffle: bool | None = None,
    max_length: int | None = None,
    long_pairs: str | None = None,
    length_multiple: int | None = None,
    drop_remainder: bool = False,
    steps_per_epoch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **read_options,
):
    """Read a split of pairs and return its batches for a translator.

    Args:
        spec: The data spec, see `kzoo.data.read_pairs`.
        split: `train`, `validation`, `test`, `all`, or a name of the folder's own.
        model: A model whose task is `translation`: its `tokenizer`,
            `max_sequence_length`, `start_id` and `pad_id` are used.
        batch_size: Pairs per batch; 32 where `batch_tokens` is not given either.
        batch_tokens: In place of `batch_size`, what a batch of padded sides holds at
            most: B times the wider of S and T.
        seed: Fixes the order of every epoch.
        shuffle: `None` shuffles `train` and nothing else.
        max_length: Most tokens of a side, end included; `None` is
            `model.max_sequence_length`.
        long_pairs: What a longer pair is: one to `"drop"`, which a note counts, or an
            `"error"`. `None` drops from shuffled data and is an error elsewhere.
        length_multiple: What widths are rounded up to; `None` is finer for short
            texts than for long ones.
        drop_remainder: Whether a last, smaller batch is left out.
        steps_per_epoch: How many steps a shuffled epoch has; None makes a pass over
            the pairs an epoch.
        progress: Called as `progress(done, total)` while tokenising.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        On the TensorFlow backend a `tf.data.Dataset`, on JAX and PyTorch a
        `keras.utils.PyDataset`, of `(inputs, labels, weights)`. Its attribute
        `batches` is the `TranslationBatches` behind it.

    Raises:
        InputError: If the data or an option is not fit for the model.
    """
    limit = at_most(max_length, model.max_sequence_length)
    pairs = read_pairs(spec, split, **read_options)
    return translation_batches(
        pairs,
        model.tokenizer,
        batch_size=batch_size,
        batch_tokens=batch_tokens,
        seed=seed,
        shuffle=split == "train" if shuffle is None else shuffle,
        max_length=limit,
        long_pairs=long_pairs,
        length_multiple=length_multiple,
        drop_remainder=drop_remainder,
        steps_per_epoch=steps_per_epoch,
        start_id=model.start_id,
        pad_id=model.pad_id,
        progress=progress,
    )


def translation_batches(
    pairs: Pairs | PairTokens,
    tokenizer,
    *,
    batch_size: int | None = None,
    batch_tokens: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    max_length: int | None = None,
    long_pairs: str | None = None,
    length_multiple: int | None = None,
    drop_remainder: bool = False,
    steps_per_epoch: int | None = None,
    start_id: int | None = None,
    pad_id: int | None = None,
    progress: Callable[[int, int], None] | None = None,
):
    """Return the batches of pairs in the form that `fit` takes.

    Args:
        pairs: Pairs, or what `kzoo.data.tokenize_pairs` made of them.
        tokenizer: A `kzoo.tokenizers.TranslationTokenizer`.
        batch_size: Pairs per batch; 32 where `batch_tokens` is not given either.
        batch_tokens: See `load_translation`, as for all below.
        seed: Fixes the order of every epoch.
        shuffle: Whether epochs are shuffled.
        max_length: Most tokens of a side, end included; `None` takes all.
        long_pairs: `"drop"`, `"error"`, or None for what suits `shuffle`.
        length_multiple: What widths are rounded up to.
        drop_remainder: Whether a last, smaller batch is left out.
        steps_per_epoch: How many steps a shuffled epoch has.
        start_id: The decoder's first token; None is the tokenizer's.
        pad_id: What stands behind the end of a target; None is the tokenizer's.
        progress: Called as `progress(done, total)` while tokenising.

    Returns:
        What `load_translation` returns.

    Raises:
        InputError: If an option is not fit for the pairs.
    """
    if long_pairs not in (None, *LONG_PAIRS):
        raise unknown_name("way to take long pairs", long_pairs, LONG_PAIRS)
    tokens = (
        tokenize_pairs(pairs, tokenizer, progress)
        if isinstance(pairs, Pairs)
        else pairs
    )
    tokens = fitting(tokens, max_length, long_pairs or ("drop" if shuffle else "error"))
    unsaid = batch_size is None and batch_tokens is None
    order = PairOrder(
        tokens.sources.lengths,
        tokens.targets.lengths,
        batch_size=_BATCH_SIZE if unsaid else batch_size,
        batch_tokens=batch_tokens,
        seed=seed,
        shuffle=shuffle,
        length_multiple=length_multiple,
        max_length=max_length,
        drop_remainder=drop_remainder,
        steps_per_epoch=steps_per_epoch,
    )
    return for_backend(
        TranslationBatches(
            tokens,
            order,
            start_id=tokenizer.start_id if start_id is None else start_id,
            pad_id=tokenizer.pad_id if pad_id is None else pad_id,
            # The encoder's table may be shorter than the decoder's.
            source_pad_id=tokenizer.source.pad_id,
        )
    )
