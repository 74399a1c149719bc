"""Token batches as a `tf.data.Dataset`: one pass over it is one epoch."""

from kzoo.data.known_length import with_length
from kzoo.data.token_batches import TokenBatches
from kzoo.data.translation_batches import TranslationBatches


def as_tf_dataset(batches: TokenBatches | TranslationBatches):
    """Return the batches as a `tf.data.Dataset` of known length.

    A pass takes the epoch `batches.order.epoch` from the step `batches.order.start`;
    handing out its last batch moves the epoch on by one. A pass that is given up, as
    Keras does once before it trains under a distribution strategy, does not count.

    Args:
        batches: The batches.

    Returns:
        The dataset; its attribute `batches` is the argument.
    """
    import tensorflow as tf

    order = batches.order

    def passage():
        epoch = order.epoch
        for step in range(order.start, len(batches)):
            batch = batches.batch(epoch, step)
            if step == len(batches) - 1:
                order.epoch, order.start = epoch + 1, 0
            yield batch

    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape, part.dtype), batches.layout
    )
    dataset = tf.data.Dataset.from_generator(passage, output_signature=signature)
    dataset = with_length(dataset.prefetch(2), len(batches))
    dataset.batches = batches
    return dataset
