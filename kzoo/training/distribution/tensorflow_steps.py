"""The steps of a model that TensorFlow trains on several devices."""

import contextlib
import functools
from collections.abc import Iterator

import keras

from kzoo.layers import global_rows
from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import (
    Part,
    ShareWeights,
    known_sums,
    share_losses,
    sums_of_weights,
)
from kzoo.training.distribution.share_steps import ShareSteps, concatenated, first
from kzoo.training.distribution.tensorflow_data import Sharing, own_parts
from kzoo.training.distribution.tensorflow_updates import hold_in_common, update_alone


class TensorFlowSteps(ShareSteps):
    """`fit`, `evaluate` and `predict` under a strategy, equal to those of one device.

    To stand before `keras.Model` among the bases of a class. A model that was not
    built in the scope of a strategy is left as it is.
    """

    @property
    def distribute_strategy(self):
        """The strategy, handing out parts of batches as kzoo cuts them."""
        native = super().distribute_strategy
        return native if self._as_keras() else Sharing(native, self._micro_batches)

    def _as_keras(self) -> bool:
        """Return whether one device computes whole batches."""
        return self._distribute_strategy is None and self._micro_batches == 1

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self._as_keras():
            return super()._maybe_symbolic_build(iterator, data_batch)
        if iterator is not None:
            # Their types tell enough of the batches: none is taken.
            data_batch = iterator._distributed_dataset.whole_spec
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=data_batch)
        self._prepare()

    def _prepare(self) -> None:
        """Make what was compiled fit for replicas; a second time changes nothing."""
        share_losses(self)
        if self._distribute_strategy is None:
            return
        hold_in_common(v for m in self._get_own_metrics() for v in m.variables)
        if self.optimizer is not None:
            update_alone(self.optimizer)

    def _make_function(self, step_function):
        function = super()._make_function(step_function)
        if self._distribute_strategy is None:
            return function
        if group.size() > 1:
            function = _watched(function)
        if self.steps_per_execution == 1:
            return function
        return _several(function, self.steps_per_execution)

    def train_step(self, data):
        """Take a step on a replica's share of a batch, and return the batch's logs."""
        if self._as_keras():
            return super().train_step(data)
        import tensorflow as tf

        trained, done = self.trainable_weights, []
        for index, part in enumerate(self._received(data)):
            with _micro_batch(index, done):
                values = self._descent(part, trained)
            # Known by themselves, or TensorFlow sums what they are sums of as it likes.
            done = _added(done, tf.tuple(values)) if done else values
        known = [i for i, value in enumerate(done) if value is not None]
        sums = self._add([done[i] for i in known])
        for place, value in zip(known, sums, strict=True):
            done[place] = value
        gradients, judged = done[: len(trained)], done[len(trained) :]
        self.optimizer.apply_gradients(zip(gradients, trained, strict=True))
        return self._noted_of(part, *judged)

    def _descent(self, part: Part, trained: list) -> list:
        """Return gradients, None where there is none, the loss and sums of a part."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, sums = self._computed(part, training=True)
            scaled = self.optimizer.scale_loss(loss)
        return [*tape.gradient(scaled, trained), loss, *sums]

    def test_step(self, data):
        """Evaluate a replica's share of a batch, and return the batch's logs."""
        if self._as_keras():
            return super().test_step(data)
        done = []
        for index, part in enumerate(self._received(data)):
            with _micro_batch(index, done):
                loss, sums = self._computed(part, training=False)
            done = _added(done, [loss, *sums]) if done else [loss, *sums]
        return self._noted_of(part, *self._add(done))

    def predict_step(self, data):
        """Return the outputs of a replica's share of a batch.

        Where several processes share it, the first replica of each process returns
        those of the whole batch, the others none.
        """
        if self._as_keras():
            return super().predict_step(data)
        import tensorflow as tf

        native, replica, _ = self._place()
        step, done, outputs = super().predict_step, [], []
        parts = own_parts(data, native, replica, self._micro_batches)
        for index, part in enumerate(parts):
            with _micro_batch(index, done):
                outputs.append(step(part))
            done = keras.tree.flatten(outputs[-1])
        outputs = concatenated(outputs)
        if native.num_replicas_in_sync == 1:
            return outputs
        local = len(native.extended.worker_devices)
        if local == native.num_replicas_in_sync:
            return outputs
        context = tf.distribute.get_replica_context()
        whole = context.all_gather(outputs, axis=0)
        if replica % local:
            return keras.tree.map_structure(lambda part: part[:0], whole)
        return whole

    def _place(self) -> tuple:
        """Return the strategy, which replica of it this is, and of how many."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        # It is known when a step is traced.
        replica = int(tf.get_static_value(context.replica_id_in_sync_group))
        return context.strategy, replica, context.num_replicas_in_sync

    def _received(self, data) -> list[Part]:
        """Return the parts of a batch that a replica computes, and what they weigh."""
        import tensorflow as tf

        native, replica, replicas = self._place()
        cuts = own_parts(data, native, replica, self._micro_batches)
        given = [keras.utils.unpack_x_y_sample_weight(each) for each in cuts]
        rows = [tf.cast(tf.shape(first(x))[0], tf.float32) for x, _, _ in given]
        own = [sums_of_weights(weights) for _, _, weights in given]
        place = tf.cast(tf.range(replicas) == replica, tf.float32)
        all_rows = tf.add_n(rows)
        all_sums = [tf.add_n(each) for each in zip(*own, strict=True)]
        counts, sums = self._add([place * all_rows, tf.stack([all_rows, *all_sums])])
        start = tf.reduce_sum(counts[:replica])
        total, *whole = tf.unstack(sums, num=1 + len(all_sums))
        parts = []
        for index, (x, y, weights) in enumerate(given):
            known = known_sums(weights, own[index], whole)
            add = self._add if len(given) == 1 else None
            weighed = ShareWeights(rows[index], start, total, known, replicas, add)
            parts.append(Part(x, y, weights, weighed, last=index == len(given) - 1))
            start += rows[index]
        return parts

    def _computed(self, part: Part, training: bool):
        """Return a part's share of the loss, and what it adds to the metrics."""
        import tensorflow as tf

        given = {"training": training} if self._call_has_training_arg else {}
        start, total = part.weights.start, part.weights.total
        place = tf.cast(start, tf.int32), tf.cast(total, tf.int32)
        with global_rows.of_global_batch(*place, last=part.last) as own:
            y_pred = self(part.x, **given)
        global_rows.put_back(own)
        loss, sums = self._judged(y_pred, part, training)
        return loss, [tf.convert_to_tensor(value) for value in sums]

    def _noted_of(self, part: Part, *judged):
        """Return the logs of a batch, of which this was the last part."""
        counted = first(part.x).shape[0] is not None
        return self._noted(*judged, rows=part.weights.total, counted=counted)

    def _add(self, values: list) -> list:
        """Return the sums of tensors over all replicas."""
        if self._distribute_strategy is None:
            return values
        import tensorflow as tf

        context, sums = tf.distribute.get_replica_context(), list(values)
        # What is added up together has one type; they are few, and in the same order.
        for dtype in dict.fromkeys(value.dtype for value in values):
            places = [i for i, value in enumerate(values) if value.dtype == dtype]
            added = context.all_reduce("sum", [values[i] for i in places])
            for place, value in zip(places, added, strict=True):
                sums[place] = value
        return sums


@contextlib.contextmanager
def _micro_batch(index: int, done: list) -> Iterator[None]:
    """Compute a part of a batch behind the one before.

    What a part needs of memory is the next one's then. TensorFlow rewrites a graph by
    names and by what waits for what, adds up gradients in the order of names among
    others, and sums round by it. So operations have the names that they have in every
    part, but for what comes before them, and only those that touch a variable wait.

    Args:
        index: Which part, from 0.
        done: What was computed of the one before.
    """
    import tensorflow as tf

    graph = tf.compat.v1.get_default_graph()
    before = len(graph.get_operations())
    with tf.name_scope(f"part_{index}"):
        yield
    for operation in graph.get_operations()[before:] if done else ():
        if any(each.dtype == tf.resource for each in operation.inputs):
            operation._add_control_inputs([each.op for each in _tensors(done)])


def _added(values: list, others: list) -> list:
    """Return sums of tensors, one by one; None where there is none."""
    import tensorflow as tf

    def add(value, other):
        if value is None or other is None:
            return other if value is None else value
        if not isinstance(value, tf.IndexedSlices):
            return value + other
        return tf.IndexedSlices(
            tf.concat([value.values, other.values], axis=0),
            tf.concat([value.indices, other.indices], axis=0),
            value.dense_shape,
        )

    return [add(*two) for two in zip(values, others, strict=True)]


def _tensors(values: list) -> list:
    """Return what has to be computed before some values are known."""
    return [getattr(value, "values", value) for value in values if value is not None]


def _several(function, steps: int):
    """Return a function that takes several steps, one after the other.

    Keras's loop in the graph cannot hold the sums of sparse gradients.
    """

    def several(iterator):
        outputs = None
        for _ in range(steps):
            # A step that finds no batch would count itself all the same.
            try:
                batch = next(iterator)
            except StopIteration:
                if outputs is None:
                    raise
                break
            outputs = function(iter([batch]))
        return outputs

    return several


def _watched(function):
    """Return a function of steps that says so where another process was lost."""
    import tensorflow as tf

    @functools.wraps(function)
    def watched(iterator):
        try:
            return function(iterator)
        except tf.errors.OpError as error:
            # Keras takes any OutOfRangeError for the end of the data.
            if "End of sequence" in str(error):
                raise
            raise ConnectionError(
                "A step that several processes share was broken off: one of them was "
                f"lost. ({type(error).__name__}: {' '.join(str(error).split())[:300]}) "
                "Start all of them again; they go on from the last checkpoint."
            ) from error

    return watched
