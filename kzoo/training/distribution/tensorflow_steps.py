"""The steps of a model that TensorFlow trains on several devices."""

import functools

import keras

from kzoo.layers import global_rows
from kzoo.training.distribution import group
from kzoo.training.distribution.share_losses import (
    ShareWeights,
    share_losses,
    weighing,
)
from kzoo.training.distribution.tensorflow_data import Sharing, own_share
from kzoo.training.distribution.tensorflow_updates import (
    changes,
    hold_in_common,
    update_alone,
)


class TensorFlowSteps:
    """`fit`, `evaluate` and `predict` under a strategy, equal to those of one device.

    To stand before `keras.Model` among the bases of a class. A model that was not
    built in the scope of a strategy is left as it is.
    """

    @property
    def distribute_strategy(self):
        """The strategy, handing out shares of batches as kzoo cuts them."""
        if self._distribute_strategy is None:
            return super().distribute_strategy
        return Sharing(self._distribute_strategy)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self._distribute_strategy is None:
            return super()._maybe_symbolic_build(iterator, data_batch)
        if iterator is not None:
            # Their types tell enough of the batches: none is taken.
            data_batch = iterator._distributed_dataset.whole_spec
        with self._distribute_strategy.scope():
            self._symbolic_build(data_batch=data_batch)
        self._prepare()

    def _prepare(self) -> None:
        """Make what was compiled fit for replicas; a second time changes nothing."""
        share_losses(self)
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
        if self._distribute_strategy is None:
            return super().train_step(data)
        import tensorflow as tf

        parts, weights = self._received(data)
        place = tf.cast(weights.start, tf.int32), tf.cast(weights.total, tf.int32)
        with global_rows.of_global_batch(*place):
            with tf.GradientTape() as tape:
                loss, sums = self._judged(parts, weights, training=True)
                scaled = self.optimizer.scale_loss(loss)
            trained = self.trainable_weights
            gradients = tape.gradient(scaled, trained)
        known = [i for i, gradient in enumerate(gradients) if gradient is not None]
        reduced = _add([gradients[i] for i in known] + [loss, *sums])
        for place, gradient in zip(known, reduced, strict=False):
            gradients[place] = gradient
        self.optimizer.apply_gradients(zip(gradients, trained, strict=True))
        return self._noted(*reduced[len(known) :], rows=weights.total)

    def test_step(self, data):
        """Evaluate a replica's share of a batch, and return the batch's logs."""
        if self._distribute_strategy is None:
            return super().test_step(data)
        parts, weights = self._received(data)
        loss, sums = self._judged(parts, weights, training=False)
        return self._noted(*_add([loss, *sums]), rows=weights.total)

    def predict_step(self, data):
        """Return the outputs of a replica's share of a batch.

        Where several processes share it, the first replica of each process returns
        those of the whole batch, the others none.
        """
        native = self._distribute_strategy
        if native is None:
            return super().predict_step(data)
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        replica = _number(context)
        outputs = super().predict_step(own_share(data, native, replica))
        local = len(native.extended.worker_devices)
        if local == native.num_replicas_in_sync:
            return outputs
        whole = context.all_gather(outputs, axis=0)
        if replica % local:
            return keras.tree.map_structure(lambda part: part[:0], whole)
        return whole

    def _received(self, data):
        """Return what a replica computes, and what it weighs in the batch."""
        import tensorflow as tf

        native = self._distribute_strategy
        context = tf.distribute.get_replica_context()
        replica, replicas = _number(context), context.num_replicas_in_sync
        share = own_share(data, native, replica)
        x, _, sample_weight = parts = keras.utils.unpack_x_y_sample_weight(share)
        rows = tf.shape(next(i for i in keras.tree.flatten(x) if i is not None))[0]
        return parts, ShareWeights(rows, sample_weight, replica, replicas, _add)

    def _judged(self, parts, weights: ShareWeights, training: bool):
        """Return a replica's part of the loss, and what it adds to the metrics."""
        x, y, sample_weight = parts
        given = {"training": training} if self._call_has_training_arg else {}
        y_pred = self(x, **given)
        regularised = [v for v in self.trainable_variables if v.regularizer is not None]
        inside, sums = changes(self._added_up(), regularised)
        with weighing(weights), inside:
            loss = self._compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
            )
            self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return loss, sums()

    def _added_up(self) -> list:
        """Return the metrics' variables that the rows of a batch add to."""
        metrics = [m for m in self._get_own_metrics() if m is not self._loss_tracker]
        return [variable for metric in metrics for variable in metric.variables]

    def _noted(self, loss, *sums, rows):
        """Add a global batch to the metrics, and return what they are."""
        self._loss_tracker.update_state(loss, sample_weight=rows)
        for variable, change in zip(self._added_up(), sums, strict=True):
            variable.assign_add(change)
        return self.get_metrics_result()


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


def _number(context) -> int:
    """Return which replica of all this is; it is known when a step is traced."""
    import tensorflow as tf

    return int(tf.get_static_value(context.replica_id_in_sync_group))


def _add(values: list) -> list:
    """Return the sums of tensors over all replicas."""
    import tensorflow as tf

    context, sums = tf.distribute.get_replica_context(), list(values)
    # What is added up together has one type; they are few, and in the same order.
    for dtype in dict.fromkeys(value.dtype for value in values):
        places = [i for i, value in enumerate(values) if value.dtype == dtype]
        added = context.all_reduce("sum", [values[i] for i in places])
        for place, value in zip(places, added, strict=True):
            sums[place] = value
    return sums
