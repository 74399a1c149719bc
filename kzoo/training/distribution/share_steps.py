"""What steps on a share of a batch have in common on all backends."""

import keras
import numpy as np
from keras import ops, tree

from kzoo.errors import InputError
from kzoo.training.distribution import micro_batches, share_losses
from kzoo.training.distribution.share_losses import Part
from kzoo.training.distribution.shares import Share


class ShareSteps:
    """The loss and the metrics of a batch, of parts that are computed by themselves.

    To stand before `keras.Model` among the bases of a class, and behind what takes the
    steps of a backend.
    """

    _micro_batches = 1

    def compile(self, *args, **kwargs):
        """Set up for training, as `keras.Model.compile`.

        Batches are computed in the parts that the strategy's scope asks for.
        """
        super().compile(*args, **kwargs)
        self._micro_batches = micro_batches.asked()

    def _judged(self, y_pred, part: Part, training: bool, known=()):
        """Return a part's share of the loss, and what it adds to the metrics.

        Args:
            y_pred: The outputs of the part.
            part: What it was computed of.
            training: Whether this is a training.
            known: Variables and the values that they have for this step.
        """
        if training:
            self._refuse_values()
        added_up, outputs = self._added_up(), self._losses_of_outputs()
        if part.weights.losses is None:
            # A scope knows only those that were added inside it.
            part.weights.losses = self.losses
        pairs = [(v, ops.zeros(v.shape, v.dtype)) for v in self.metrics_variables]
        inside = keras.StatelessScope(state_mapping=[*pairs, *known])
        with share_losses.weighing(part.weights), inside as scope:
            loss = self._compute_loss(
                x=part.x,
                y=part.y,
                y_pred=y_pred,
                sample_weight=part.sample_weight,
                training=training,
            )
            # Those of several outputs: parts too, and not means of rows.
            parts = [metric.result() / part.weights.replicas for metric in outputs]
            if not (isinstance(part.weights.rows, int) and part.weights.rows == 0):
                self.compute_metrics(
                    part.x, part.y, y_pred, sample_weight=part.sample_weight
                )
        return loss, [*parts, *(scope.get_current_value(v) for v in added_up)]

    @property
    def losses(self) -> list:
        """What layers add to the loss, as `keras.Model.losses`."""
        weights = share_losses.current()
        if weights is None or weights.losses is None:
            return super().losses
        return weights.losses

    def _aggregate_additional_loss(self, loss):
        loss = super()._aggregate_additional_loss(loss)
        weights = share_losses.current()
        if weights is None:
            return loss
        # A mean over rows, or one of the weights: all parts together are it once.
        rows, total = (ops.cast(n, "float32") for n in (weights.rows, weights.total))
        share = ops.cast(rows / total * weights.replicas, loss.dtype)
        return ops.where(rows > 0, loss * share, ops.zeros_like(loss))

    def _refuse_values(self) -> None:
        """Refuse weights whose gradients are values to assign, and not to add up."""
        for variable in self.trainable_variables:
            if getattr(variable, "overwrite_with_gradient", False):
                raise InputError(
                    "What parts of a batch have as gradients is added up.",
                    f"{variable.path}, a scale of float8, which is assigned",
                    "Train on one device and in whole batches.",
                )

    def _added_up(self) -> list:
        """Return the metrics' variables that the rows of a batch add to."""
        losses = [self._loss_tracker, *self._losses_of_outputs()]
        metrics = [
            metric
            for metric in self._get_own_metrics()
            if not any(metric is loss for loss in losses)
        ]
        return [variable for metric in metrics for variable in metric.variables]

    def _losses_of_outputs(self) -> list:
        """Return the metrics that keep the loss of each of several outputs."""
        return [] if self._compile_loss is None else self._compile_loss.metrics

    def _noted(self, loss, *sums, rows, counted: bool = True):
        """Add a batch to the metrics, and return what they are.

        Args:
            loss: Its loss.
            *sums: What `_judged` returned of its parts, added up.
            rows: How many rows it has.
            counted: Whether Keras knows that when it traces a step. Where it does not,
                it takes the mean of the batches for the loss of each output.
        """
        outputs = self._losses_of_outputs()
        self._loss_tracker.update_state(loss, sample_weight=rows)
        for metric, value in zip(outputs, sums, strict=False):
            metric.update_state(value, sample_weight=rows if counted else None)
        changes = sums[len(outputs) :]
        for variable, change in zip(self._added_up(), changes, strict=True):
            variable.assign_add(change)
        return self.get_metrics_result()


def first(structure):
    """Return the first array of a structure that has some."""
    return next(part for part in tree.flatten(structure) if part is not None)


def in_groups(batch, count: int, last_alone: bool = False) -> list[tuple]:
    """Return the micro-batches of a batch, those of one size stacked.

    Args:
        batch: A structure of arrays (B, ...), None among them.
        count: In how many parts; those that would have no row are left out.
        last_alone: Whether the last part is a group by itself.

    Returns:
        For each group the first row of each part, int32 (N,), and the structure of
        arrays (N, B / count, ...).
    """
    size = first(batch).shape[0]
    rows = [Share(index, count).rows(size) for index in range(count)]
    rows = [own for own in rows if own.stop > own.start] or rows[:1]
    groups: list[list[slice]] = []
    for own in rows:
        if groups and _size(own) == _size(groups[-1][0]):
            groups[-1].append(own)
        else:
            groups.append([own])
    if last_alone and len(groups[-1]) > 1:
        groups.append([groups[-1].pop()])
    return [_stacked(batch, group) for group in groups]


def part_of(rows, index: int = 0):
    """Return one part of those that are stacked."""
    return tree.map_structure(lambda part: part[index], rows, none_is_leaf=False)


def concatenated(outputs: list):
    """Return the outputs of a batch, of those of its parts."""
    if len(outputs) == 1:
        return outputs[0]
    return tree.map_structure(lambda *each: ops.concatenate(each), *outputs)


def _size(rows: slice) -> int:
    return rows.stop - rows.start


def _stacked(batch, group: list[slice]) -> tuple:
    def stacked(array):
        rows = array[group[0].start : group[-1].stop]
        return ops.reshape(rows, (len(group), _size(group[0]), *array.shape[1:]))

    starts = np.array([rows.start for rows in group], "int32")
    return starts, tree.map_structure(stacked, batch, none_is_leaf=False)
