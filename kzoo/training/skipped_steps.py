"""How many steps of a training were skipped, counted on the device."""

import keras
from keras import ops


class SkippedSteps(keras.metrics.Metric):
    """Counts the steps that were not taken because something was not finite.

    A training's logs have it as `skipped_steps`, of the running epoch; an
    evaluation's do not. Its state is one vector of int32, so that it lives where the
    weights do and a step is counted without asking the device.

    Example:
        >>> metric = SkippedSteps()
        >>> for finite in (True, False, False):
        ...     metric.count(finite)
        >>> metric.read()["skipped"], metric.read()["in_a_row"]
        (2, 2)
    """

    FIELDS = ("steps", "skipped", "in_a_row", "last")

    def __init__(self, name: str = "skipped_steps") -> None:
        super().__init__(name=name, dtype="int32")
        self.counts = self.add_variable(
            (len(self.FIELDS),),
            initializer="zeros",
            dtype="int32",
            aggregation="only_first_replica",  # all replicas count the same
            name="counts",
        )

    def count(self, finite) -> None:
        """Count a step.

        Args:
            finite: Whether it was taken, a bool or a scalar tensor of one.
        """
        self.counts.assign(self.counted(ops.convert_to_tensor(self.counts), finite))

    def counted(self, counts, finite):
        """Return the state after a step, of the state before it, both (4,) int32."""
        if finite is True:  # known on PyTorch: two calls, not ten, in each step
            return counts * _vector(1, 1, 0, 1) + _vector(1, 0, 0, 0)
        lost = 1 - ops.cast(finite, "int32")
        steps, skipped, row, last = (counts[i] for i in range(len(self.FIELDS)))
        return ops.stack(
            [steps + 1, skipped + lost, (row + 1) * lost, last + (steps - last) * lost]
        )

    def read(self) -> dict[str, int]:
        """Return the counts.

        Returns:
            `steps` and `skipped` of the running epoch, `in_a_row` up to now over all
            epochs, and `last`, the step of the epoch, from 0, skipped last.
        """
        values = ops.convert_to_numpy(self.counts)
        return dict(zip(self.FIELDS, map(int, values), strict=True))

    def update_state(self, finite) -> None:
        """Count a step, as `count`."""
        self.count(finite)

    def of_epoch(self):
        """Return the skipped steps of the epoch, a scalar."""
        return ops.convert_to_tensor(self.counts)[1] * 1  # on PyTorch not a view

    def result(self) -> dict:
        """Return nothing: a training step adds the count to its logs by itself."""
        return {}

    def reset_state(self) -> None:
        """Begin an epoch; how many were skipped in a row goes on."""
        self.counts.assign(ops.convert_to_tensor(self.counts) * _vector(0, 0, 1, 0))


def _vector(*values: int):
    return ops.convert_to_tensor(values, "int32")
