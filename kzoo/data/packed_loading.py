"""From a data spec or a corpus to packed batches ready for `fit`."""

import os
from collections.abc import Callable

from kzoo.data.block_order import BlockOrder
from kzoo.data.corpora import read_corpus
from kzoo.data.packed_batches import PackedBatches
from kzoo.data.token_files import is_token_folder, open_tokens
from kzoo.data.token_stream import TokenStream, tokenize_corpus
from kzoo.errors import InputError


def load_packed(
    spec: str | os.PathLike,
    split: str,
    model,
    *,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool | None = None,
    sequence_length: int | None = None,
    segments: bool = False,
    padding_mask: bool = True,
    drop_remainder: bool | None = None,
    steps_per_epoch: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **read_options,
):
    """Read a split of running text and return its batches for a language model.

    Args:
        spec: The data spec, see `kzoo.data.read_corpus`, or a folder that
            `kzoo.data.prepare_tokens` wrote.
        split: `train`, `validation`, `test` or `all`.
        model: A model whose task is `causal_lm`: its `tokenizer` and
            `max_sequence_length` are used.
        batch_size: Rows per batch.
        seed: Fixes the order of every epoch.
        shuffle: None shuffles `train` and nothing else.
        sequence_length: T, the tokens of a row; None is `model.max_sequence_length`.
        segments: Whether a token sees its own document only.
        padding_mask: Whether inputs have a mask of padding, see `PackedBatches`.
        drop_remainder: Whether a last, smaller batch is left out; None leaves it out
            of shuffled data.
        steps_per_epoch: How many steps a shuffled epoch has; None makes a pass over
            the tokens an epoch.
        progress: Called as `progress(done, total)` while tokenising.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        On the TensorFlow backend a `tf.data.Dataset`, on JAX and PyTorch a
        `keras.utils.PyDataset`, of `(inputs, labels, weights)`. Its attribute
        `batches` is the `PackedBatches` behind it.

    Raises:
        InputError: If the data or an option is not fit for the model.
    """
    stream = read_stream(spec, split, model.tokenizer, progress, **read_options)
    limit = int(model.max_sequence_length)
    if sequence_length is not None and sequence_length > limit:
        raise InputError(
            "A row is no longer than what the model has positions for.",
            f"sequence_length={sequence_length}, model.max_sequence_length={limit}",
            f"Pass {limit} or less.",
        )
    return packed(
        stream,
        sequence_length or limit,
        batch_size=batch_size,
        seed=seed,
        shuffle=split == "train" if shuffle is None else shuffle,
        segments=segments,
        padding_mask=padding_mask,
        drop_remainder=drop_remainder,
        steps_per_epoch=steps_per_epoch,
        pad_id=model.tokenizer.pad_id,
    )


def read_stream(
    spec: str | os.PathLike,
    split: str,
    tokenizer,
    progress: Callable[[int, int], None] | None = None,
    **read_options,
) -> TokenStream:
    """Return the tokens of a split: read from a token folder, or tokenised now.

    Args:
        spec: The data spec.
        split: The split.
        tokenizer: A tokenizer of `kzoo.tokenizers`.
        progress: Called as `progress(done, total)` while tokenising.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        The tokens.

    Raises:
        InputError: If there is no such data, or another tokenizer prepared it.
    """
    if is_token_folder(spec):
        return open_tokens(spec, split, tokenizer)
    return tokenize_corpus(
        read_corpus(spec, split, **read_options), tokenizer, progress
    )


def packed(
    stream: TokenStream,
    sequence_length: int,
    *,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool = True,
    segments: bool = False,
    padding_mask: bool = True,
    drop_remainder: bool | None = None,
    steps_per_epoch: int | None = None,
    pad_id: int | None = None,
):
    """Return the batches of a token stream in the form that `fit` takes.

    Args:
        stream: The tokens.
        sequence_length: T, the tokens of a row.
        batch_size: Rows per batch.
        seed: Fixes the order of every epoch.
        shuffle: Whether epochs are shuffled.
        segments: Whether a token sees its own document only.
        padding_mask: Whether inputs have a mask of padding, see `PackedBatches`.
        drop_remainder: See `BlockOrder`.
        steps_per_epoch: See `BlockOrder`.
        pad_id: What stands behind the stream's end; 0 where a tokenizer has none.

    Returns:
        What `load_packed` returns.

    Raises:
        InputError: If there are too few tokens for one block.
    """
    order = BlockOrder(
        len(stream),
        sequence_length,
        batch_size,
        seed=seed,
        shuffle=shuffle,
        drop_remainder=drop_remainder,
        steps_per_epoch=steps_per_epoch,
        where=stream.where,
    )
    batches = PackedBatches(
        stream,
        order,
        segments=segments,
        pad_id=pad_id or 0,
        padding_mask=padding_mask,
        notes=stream.notes,
    )
    import keras

    if keras.backend.backend() == "tensorflow":
        from kzoo.data.packed_tensorflow import as_tf_dataset

        return as_tf_dataset(batches)
    from kzoo.data.python_dataset import TokenDataset

    return TokenDataset(batches)
