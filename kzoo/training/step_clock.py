"""How long TensorFlow's steps wait for their batches, timed inside of them."""

import keras


class StepClock:
    """Adds up the seconds from the end of one step to the arrival of the next batch.

    TensorFlow takes batches inside the function that it compiles, so that only
    operations of that function can tell when one has come. XLA has none that tell the
    time, and of several replicas each would have its own.

    Attributes:
        runs: Whether steps were traced that this clock times.
    """

    def __init__(self) -> None:
        import tensorflow as tf

        self.runs = False
        with tf.init_scope(), tf.device("CPU:0"):
            self._waited = tf.Variable(0.0, trainable=False, dtype=tf.float64)
            self._ended = tf.Variable(0.0, trainable=False, dtype=tf.float64)

    def times(self, model: keras.Model) -> bool:
        """Return whether the steps of a model can be timed, and remember it."""
        replicas = model.distribute_strategy.num_replicas_in_sync
        self.runs = replicas == 1 and not model.jit_compile
        return self.runs

    def arrive(self, batch) -> None:
        """Note that a batch has come, in the function of a step."""
        import tensorflow as tf

        with tf.device("CPU:0"), tf.control_dependencies(_tensors(batch)):
            waited = tf.timestamp() - self._ended
            known = self._ended > 0.0
            self._waited.assign_add(tf.where(known, waited, tf.zeros_like(waited)))

    def end(self, model: keras.Model, logs: dict) -> None:
        """Note that a step has ended: its logs are there, and its weights assigned."""
        import tensorflow as tf

        weights = [tf.identity(v.value) for v in model.trainable_variables]
        with tf.device("CPU:0"), tf.control_dependencies(_tensors([logs, weights])):
            self._ended.assign(tf.timestamp())

    def restart(self) -> None:
        """Begin at zero; what comes before the next end of a step does not count."""
        for variable in (self._waited, self._ended):
            variable.assign(0.0)

    @property
    def seconds(self) -> float:
        """The seconds since the clock was restarted."""
        return float(self._waited)


def _tensors(parts) -> list:
    import tensorflow as tf

    return [part for part in tf.nest.flatten(parts) if tf.is_tensor(part)]
