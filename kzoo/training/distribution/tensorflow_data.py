"""Batches as the replicas of one TensorFlow process take them: a share for each."""

from keras import tree

from kzoo.training.distribution.shares import Share, of_replica
from kzoo.training.distribution.tensorflow_strategy import local_replicas

SHARES = "shares of a batch"


class Sharing:
    """A strategy of `tf.distribute` that hands every replica its share of a batch.

    Keras asks the strategy to distribute a dataset, and TensorFlow's own way is to
    guess how: it may give whole batches to one worker, or cut them elsewhere. Here a
    replica takes the rows that `Share` says, of the batches that one device would see.

    Args:
        native: The strategy that does all the rest.
        micro_batches: In how many parts all replicas compute a batch.
    """

    def __init__(self, native, micro_batches: int = 1) -> None:
        self.native = native
        self.micro_batches = micro_batches

    def __getattr__(self, name: str):
        return getattr(self.native, name)

    def experimental_distribute_dataset(self, dataset):
        """Return a dataset of shares, of one of whole batches."""
        return shared(dataset, self.native, self.micro_batches)


def shared(dataset, native, micro_batches: int = 1):
    """Return a dataset whose elements hold the parts of each replica of this process.

    Data of `kzoo.data` make those rows only, where several processes share a batch;
    of any other data each process makes the whole batch.

    Args:
        dataset: A `tf.data.Dataset` of global batches.
        native: The strategy.
        micro_batches: In how many parts all replicas compute a batch.

    Returns:
        A dataset; its attribute `whole_spec` is the argument's `element_spec`.
    """
    local, replicas = _local(native), native.num_replicas_in_sync
    shares = [of_replica(index, replicas, micro_batches) for index in local]
    parts = [part for share in shares for part in share.parts()]
    batches = getattr(dataset, "batches", None)
    if batches is not None and len(local) < replicas:
        from kzoo.data.tensorflow_dataset import as_tf_dataset

        own = as_tf_dataset(_OwnRows(batches, parts, dataset.element_spec))
        result = own.map(lambda *given: {SHARES: given})
    else:
        several = isinstance(dataset.element_spec, tuple)  # then taken apart by `map`
        result = dataset.map(
            lambda *given: {SHARES: _cut(given if several else given[0], parts)}
        )
    result = result.prefetch(2)
    result.whole_spec = tree.map_structure(
        lambda spec: spec if hasattr(spec, "shape") else None, dataset.element_spec
    )
    return result


def own_parts(data, native, replica: int, micro_batches: int = 1) -> list:
    """Return what a replica computes of what its process was handed, part by part.

    Args:
        data: An element of `shared`, or a whole batch.
        native: The strategy.
        replica: Which replica of all, from 0.
        micro_batches: In how many parts all replicas compute a batch.
    """
    share = of_replica(replica, native.num_replicas_in_sync, micro_batches)
    if not (isinstance(data, dict) and set(data) == {SHARES}):
        return list(_cut(data, share.parts()))
    first = (replica - _local(native)[0]) * share.width
    return list(data[SHARES][first : first + share.width])


def _local(native) -> range:
    """Return which replicas of all are this process's."""
    return local_replicas(native) if native.num_replicas_in_sync > 1 else range(1)


def _cut(batch, shares: list[Share]) -> tuple:
    """Return the rows of each share of a batch of tensors."""
    import tensorflow as tf

    first_part = next(part for part in tree.flatten(batch) if tf.is_tensor(part))
    known, size = first_part.shape[0], tf.shape(first_part)[0]

    def start(share: Share, index: int):
        whole, rest = size // share.count, size % share.count
        return index * whole + tf.minimum(index, rest)

    def rows(share: Share):
        if known is not None:  # as static as the batch
            own = share.rows(known)
        else:
            own = slice(start(share, share.index), start(share, share.index + 1))
        return tree.map_structure(
            lambda part: part[own] if tf.is_tensor(part) else part, batch
        )

    return tuple(rows(share) for share in shares)


class _OwnRows:
    """Batches of `kzoo.data`, of which a step is a tuple of shares."""

    def __init__(self, batches, shares: list[Share], spec) -> None:
        self.batches = batches
        self.shares = shares
        self.order = batches.order
        self.layout = tuple(
            tree.map_structure(lambda part, share=share: _array_spec(part, share), spec)
            for share in shares
        )

    def __len__(self) -> int:
        return len(self.batches)

    def batch(self, epoch: int, step: int) -> tuple:
        """Return each share of this process's replicas."""
        return tuple(self.batches.batch(epoch, step, share) for share in self.shares)


def _array_spec(spec, share: Share):
    from kzoo.data.token_batches import ArraySpec

    size, *rest = spec.shape
    if size is not None:
        own = share.rows(size)
        size = own.stop - own.start
    return ArraySpec(spec.dtype.name, (size, *rest))
