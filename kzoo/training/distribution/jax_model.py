"""The steps of a model that JAX trains on several devices."""

import contextlib
import functools

import keras
from keras import ops, tree

from kzoo.layers import global_rows
from kzoo.training.distribution.jax_devices import (
    DataParallel,
    ModelParallel,
    distribution_of,
    on_every_device,
    share_rows,
)
from kzoo.training.distribution.jax_rows import (
    by_itself,
    sums_of_devices,
    unknown_zero,
    zeros_of,
)
from kzoo.training.distribution.share_losses import (
    Part,
    ShareWeights,
    known_sums,
    share_losses,
    sums_of_weights,
)
from kzoo.training.distribution.share_steps import (
    ShareSteps,
    concatenated,
    first,
    in_groups,
    part_of,
)


class JaxSteps(ShareSteps):
    """`fit`, `evaluate` and `predict` on all the devices that a model was built for.

    To stand before `keras.Model` among the bases of a class. Each batch is laid out
    by rows inside the compiled step; all that is left is one device's program, of
    which XLA gives every device its part: losses, metrics, gradients and random draws
    are those of the global batch as they stand. A model that was not built in the
    scope of a strategy is left as it is.
    """

    def __setattr__(self, name, value):
        if name == "_jax_state":
            # Set after each step; to track its hundreds of arrays takes Keras longer
            # than all callbacks together.
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _on_its_devices(self):
        distribution = distribution_of(self)
        return distribution.scope() if distribution else contextlib.nullcontext()

    def fit(self, *args, **kwargs):
        """Train, as `keras.Model.fit`, wherever the weights lie."""
        with self._on_its_devices():
            return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Evaluate, as `keras.Model.evaluate`, wherever the weights lie."""
        with self._on_its_devices():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        """Predict, as `keras.Model.predict`, wherever the weights lie."""
        with self._on_its_devices():
            return super().predict(*args, **kwargs)

    def train_step(self, state, data):
        """Take a step, each device on its rows of the batch."""
        if self._micro_batches == 1:
            return super().train_step(state, share_rows(data, self))
        import jax

        trained, others, slots, metrics = state
        descent = jax.value_and_grad(self._scaled_loss, has_aux=True)

        def computed(state, others, part: Part):
            trained, slots = state
            (_, (values, others)), gradients = descent(trained, others, slots, part)
            return others, (gradients, values)

        (gradients, values), others = self._sums(
            computed, (trained, slots), others, data
        )
        trained, slots = self.optimizer.stateless_apply(slots, gradients, trained)
        logs, metrics = self._noted_of(metrics, values, first(data).shape[0])
        return logs, (trained, others, slots, metrics)

    def test_step(self, state, data):
        """Evaluate a batch, each device its rows."""
        if self._micro_batches == 1:
            return super().test_step(state, share_rows(data, self))
        trained, others, metrics = state

        def computed(trained, others, part: Part):
            loss, sums, others = self._computed(trained, others, part, training=False)
            return others, [loss, *sums]

        values, others = self._sums(computed, trained, others, data)
        logs, metrics = self._noted_of(metrics, values, first(data).shape[0])
        return logs, (trained, others, metrics)

    def predict_step(self, state, data):
        """Return the outputs of a batch, of which each device computes its rows."""
        if (count := self._parts_of_a_device()) == 1:
            outputs, state = super().predict_step(state, share_rows(data, self))
            return on_every_device(outputs, self), state
        step, (trained, others) = super().predict_step, state

        def predicted(others, rows):
            outputs, others = step((trained, others), share_rows(rows[1], self))
            return others, outputs

        outputs = []
        for rows in in_groups(data, count):
            if len(rows[0]) == 1:
                others, found = predicted(others, part_of(rows))
            else:
                others, found = _scan(predicted, others, rows)
                found = tree.map_structure(_joined, found)
            outputs.append(found)
        return on_every_device(concatenated(outputs), self), others

    def _parts_of_a_device(self) -> int:
        if self._micro_batches == 1:
            return 1
        found = distribution_of(self)
        replicas = found.num_model_replicas if found else 1
        return max(self._micro_batches // replicas, 1)

    def _sums(self, computed, state, others, data):
        """Return what is computed of a batch's parts, added up, and the statistics.

        Args:
            computed: Returns the statistics of layers and the values, of a state,
                those before, and a `Part`.
            state: What is the same for all parts.
            others: The statistics.
            data: The batch.
        """
        import jax

        share_losses(self)
        weights = keras.utils.unpack_x_y_sample_weight(data)[2]
        whole = first(data).shape[0], sums_of_weights(weights)
        sums = functools.partial(self._sums_of_parts, computed, whole)
        found = distribution_of(self)
        if isinstance(found, DataParallel):
            mesh = found.device_mesh.backend_mesh
            sums = sums_of_devices(sums, state, others, data, mesh, self._micro_batches)
        else:
            sums = sums(state, others, data, 0, self._parts_of_a_device())
        return jax.lax.optimization_barrier(sums)

    def _sums_of_parts(self, computed, whole, state, others, rows, start, count: int):
        """Return what is computed of rows, added up, and the statistics.

        Parts of one size are a loop, so that they take turns in the same memory and
        are compiled once; the last one, in which generators move on, stands behind it.

        Args:
            computed: As in `_sums`.
            whole: How many rows the batch has, and the sums of their weights.
            state: As in `_sums`.
            others: As in `_sums`.
            rows: A structure of the rows.
            start: How many rows of the batch come before them.
            count: In how many parts they are computed.
        """
        import jax

        size, sums_of_whole = whole
        zero = unknown_zero(rows)
        cut = isinstance(distribution_of(self), ModelParallel)

        def of_part(state, others, rows, last):
            place, (x, y, weights) = rows
            known = known_sums(weights, sums_of_weights(weights), sums_of_whole)
            weighed = ShareWeights(first(x).shape[0], place, size, known)
            return computed(state, others, Part(x, y, weights, weighed, last=last))

        def added(carry, rows, last=False):
            sums, others = carry
            compute, place = functools.partial(of_part, last=last), start + rows[0]
            part = keras.utils.unpack_x_y_sample_weight(rows[1])
            if cut:  # weights are, and so are the products of a part
                part = share_rows(part, self)
                others, values = compute(state, others, (place, part))
                values = jax.lax.optimization_barrier(values)
            else:
                rows = place + zero, part
                others, values = by_itself(compute, zero, state, others, rows)
            if sums is not None:
                values = tree.map_structure(ops.add, sums, values)
            return values, others

        *groups, last = in_groups(rows, count, last_alone=True)
        carry = None, others
        for rows in groups:
            if len(rows[0]) == 1:
                carry = added(carry, part_of(rows))
                continue
            if carry[0] is None:
                carry = zeros_of(added, carry, part_of(rows))[0], others
            carry, _ = _scan(lambda *of: (added(*of), None), carry, rows)
        return added(carry, part_of(last), last=True)

    def _scaled_loss(self, trained, others, slots, part: Part):
        """Return what is differentiated, and the loss and sums of a part."""
        loss, sums, others = self._computed(trained, others, part, training=True)
        mapping = list(zip(self.optimizer.variables, slots, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            scaled = self.optimizer.scale_loss(loss)
        return scaled, ([loss, *sums], others)

    def _computed(self, trained, others, part: Part, training: bool):
        """Return a part's share of the loss, its sums, and the layers' statistics."""
        given = {"training": training} if self._call_has_training_arg else {}
        place = part.weights.start, part.weights.total
        before = others
        with global_rows.of_global_batch(*place, last=part.last) as own:
            y_pred, others, losses = self.stateless_call(
                trained, others, part.x, return_losses=True, **given
            )
        drawn = {id(generator.state) for generator, _ in own.states.values()}
        others = [
            old if id(variable) in drawn else new
            for variable, old, new in zip(
                self.non_trainable_variables, before, others, strict=True
            )
        ]
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        known = zip(variables, [*trained, *others], strict=True)
        part.weights.losses = losses
        loss, sums = self._judged(y_pred, part, training, known)
        return loss, sums, others

    def _noted_of(self, values, sums, rows: int):
        """Return the logs of a batch, and the metrics' values with it."""
        mapping = list(zip(self.metrics_variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self._noted(*sums, rows=rows)
        return logs, [scope.get_current_value(v) for v in self.metrics_variables]


def _scan(function, carry, rows):
    import jax

    return jax.lax.scan(function, carry, rows)


def _joined(parts):
    """Return the rows of stacked parts, one behind the other."""
    return ops.reshape(parts, (-1, *parts.shape[2:]))
