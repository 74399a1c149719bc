"""Token batches as a `tf.data.Dataset`: one pass over it is one epoch."""

from kzoo.data.token_batches import TokenBatches
from kzoo.data.translation_batches import TranslationBatches


def as_tf_dataset(batches: TokenBatches | TranslationBatches):
    """Return the batches as a `tf.data.Dataset` of known length.

    A pass takes the epoch `batches.order.epoch`; handing out its last batch moves
    that on by one. A pass that is given up, as Keras does once before it trains under
    a distribution strategy, does not count.

    Args:
        batches: The batches.

    Returns:
        The dataset; its attribute `batches` is the argument.
    """
    import tensorflow as tf

    order = batches.order

    def passage():
        epoch = order.epoch
        for step in range(len(batches)):
            batch = batches.batch(epoch, step)
            if step == len(batches) - 1:
                order.epoch = epoch + 1
            yield batch

    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec((None,) * part.axes, part.dtype), batches.layout
    )
    dataset = tf.data.Dataset.from_generator(passage, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    dataset = dataset.prefetch(2)
    dataset.batches = batches
    return dataset
