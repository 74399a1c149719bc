"""How long TensorFlow's steps wait for their batches, timed inside of them."""

import keras


class StepClock:
    """Adds up the seconds from the end of one step to the arrival of the next batch.

    TensorFlow takes batches inside the function that it compiles, so that only
    operations of that function can tell when one has come. XLA has none that tell the
    time. Of several replicas the first one of this process is timed: their batches come
    together, and their steps end together.

    Attributes:
        runs: Whether steps were made that this clock times.
    """

    def __init__(self) -> None:
        import tensorflow as tf

        self.runs = False
        with tf.init_scope(), tf.device("CPU:0"):
            self._waited = tf.Variable(0.0, trainable=False, dtype=tf.float64)
            self._ended = tf.Variable(tf.timestamp(), trainable=False)

    def times(self, model: keras.Model) -> bool:
        """Return whether this replica's steps of a model are timed."""
        import tensorflow as tf

        self.runs = not model.jit_compile
        strategy = model.distribute_strategy
        if strategy.num_replicas_in_sync == 1:
            return self.runs
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        here = len(strategy.extended.worker_devices)
        return self.runs and int(tf.get_static_value(replica)) % here == 0

    def arrive(self, batch) -> None:
        """Note that a batch has come, in the function of a step."""
        import tensorflow as tf

        with tf.device("CPU:0"), tf.control_dependencies(_tensors(batch)):
            self._waited.assign_add(tf.timestamp() - self._ended)

    def end(self, model: keras.Model, logs: dict) -> None:
        """Note that a step has ended: its logs are there, and its weights assigned."""
        import tensorflow as tf

        weights = [tf.identity(v.value) for v in model.trainable_variables]
        with tf.device("CPU:0"), tf.control_dependencies(_tensors([logs, weights])):
            self._ended.assign(tf.timestamp())

    def restart(self) -> None:
        """Begin at zero, now: an epoch's first batch is waited for as well."""
        import tensorflow as tf

        self._waited.assign(0.0)
        self._ended.assign(tf.timestamp())

    @property
    def seconds(self) -> float:
        """The seconds since the clock was restarted."""
        return float(self._waited)


def _tensors(parts) -> list:
    import tensorflow as tf

    return [part for part in tf.nest.flatten(parts) if tf.is_tensor(part)]
