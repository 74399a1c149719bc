"""Packed batches as a `tf.data.Dataset`: one pass over it is one epoch."""

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

    The shapes of its batches are known where all have the same: TensorFlow then takes
    shorter steps, having nothing to compute from shapes.

    Args:
        batches: The batches.

    Returns:
        The dataset; its attribute `batches` is the argument.
    """
    import tensorflow as tf

    order = batches.order
    length = batches.sequence_length

    def passage():
        epoch, steps = order.epoch, len(order)
        step = order.start
        while step < steps:
            starts = batches.starts_ahead(epoch, step, _TOKENS)
            if step < steps - 1:
                # The last step stands alone: what is fetched ahead ends no epoch.
                starts = starts[: steps - 1 - step]
            step += len(starts)
            if step == steps:
                order.epoch, order.start = epoch + 1, 0
            ids, numbers = batches.windows(starts)
            yield (ids,) if numbers is None else (ids, numbers)

    size = order.batch_size if order.even else None
    spec = tf.TensorSpec((None, size, length + 1), tf.int32)
    signature = (spec, spec) if batches.has_segments else (spec,)

    def row(ids, numbers=None):
        real = ids >= 0
        ids = tf.where(real, ids, batches.pad_id)
        inputs = {"token_ids": ids[:, :-1]}
        if batches.has_padding_mask:
            inputs["padding_mask"] = real[:, :-1]
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
