"""Packed batches as a `tf.data.Dataset`: one pass over it is one epoch."""

import numpy as np

from kzoo.data.known_length import with_length
from kzoo.data.packed_batches import PackedBatches

# Python is entered once for so many tokens, not once a step: small models take steps
# that are shorter than a few of those visits.
_TOKENS = 1 << 18


def as_tf_dataset(batches: PackedBatches):
    """Return packed batches as a `tf.data.Dataset` of known length.

    A pass takes the epoch `batches.order.epoch` from the step `batches.order.start`;
    handing out its last batch moves the epoch on by one. A pass that is given up
    before does not count.

    Args:
        batches: The batches.

    Returns:
        The dataset; its attribute `batches` is the argument.
    """
    import tensorflow as tf

    order = batches.order
    length = batches.sequence_length
    chunk = max(1, _TOKENS // (order.batch_size * length))

    def passage():
        epoch, steps = order.epoch, len(order)
        step = order.start
        while step < steps:
            # The last step stands alone: what is fetched ahead never ends an epoch.
            count = 1 if step == steps - 1 else min(chunk, steps - 1 - step)
            parts = [order.batch(epoch, step + i) for i in range(count)]
            if len({len(part) for part in parts}) > 1:  # a smaller batch among them
                parts = parts[:1]
            step += len(parts)
            if step == steps:
                order.epoch, order.start = epoch + 1, 0
            ids, numbers = batches.windows(np.stack(parts))
            yield (ids,) if numbers is None else (ids, numbers)

    spec = tf.TensorSpec((None, None, length + 1), tf.int32)
    signature = (spec, spec) if batches.has_segments else (spec,)

    def row(ids, numbers=None):
        real = ids >= 0
        ids = tf.where(real, ids, batches.pad_id)
        inputs = {"token_ids": ids[:, :-1], "padding_mask": real[:, :-1]}
        follows = real[:, 1:]
        if numbers is not None:
            inputs["segment_ids"] = numbers[:, :-1]
            follows = follows & (numbers[:, 1:] == numbers[:, :-1])
        return inputs, ids[:, 1:], tf.cast(follows, tf.float32)

    dataset = tf.data.Dataset.from_generator(passage, output_signature=signature)
    dataset = dataset.unbatch().map(row)
    dataset = with_length(dataset.prefetch(2), len(batches))
    dataset.batches = batches
    return dataset
