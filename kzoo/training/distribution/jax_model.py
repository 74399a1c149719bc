"""The steps of a model that JAX trains on several devices."""

import contextlib

import keras
from keras import ops, tree

from kzoo.layers import global_rows
from kzoo.training.distribution.jax_devices import (
    distribution_of,
    on_every_device,
    share_rows,
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
        if (count := self._parts_of_a_device()) == 1:
            return super().train_step(state, share_rows(data, self))
        import jax

        trained, others, slots, metrics = state
        descent = jax.value_and_grad(self._scaled_loss, has_aux=True)

        def computed(others, part: Part):
            (_, (values, others)), gradients = descent(trained, others, slots, part)
            return others, (gradients, values)

        (gradients, values), others = self._sums(computed, others, data, count)
        trained, slots = self.optimizer.stateless_apply(slots, gradients, trained)
        logs, metrics = self._noted_of(metrics, values, first(data).shape[0])
        return logs, (trained, others, slots, metrics)

    def test_step(self, state, data):
        """Evaluate a batch, each device its rows."""
        if (count := self._parts_of_a_device()) == 1:
            return super().test_step(state, share_rows(data, self))
        trained, others, metrics = state

        def computed(others, part: Part):
            loss, sums, others = self._computed(trained, others, part, training=False)
            return others, [loss, *sums]

        values, others = self._sums(computed, others, data, count)
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

    def _sums(self, computed, others, data, count: int):
        """Return what is computed of a batch's parts, added up, and the statistics.

        Parts of one size are a loop, so that they take turns in the same memory and
        are compiled once; the last one, in which generators move on, stands behind it.

        Args:
            computed: Returns the statistics of layers and the values, of those before
                and a `Part`.
            others: The statistics.
            data: The batch.
            count: How many parts each device computes.
        """
        import jax

        share_losses(self)
        size = first(data).shape[0]
        whole = sums_of_weights(keras.utils.unpack_x_y_sample_weight(data)[2])

        def added(carry, rows, last=False):
            start, part = rows[0], share_rows(rows[1], self)
            x, y, weights = keras.utils.unpack_x_y_sample_weight(part)
            known = known_sums(weights, sums_of_weights(weights), whole)
            weighed = ShareWeights(first(x).shape[0], start, size, known)
            sums, before = carry
            before, values = computed(before, Part(x, y, weights, weighed, last=last))
            # Computed by themselves, as on two devices: XLA rounds to half precision
            # where it stores, and what it sums as it goes it does not store.
            values = jax.lax.optimization_barrier(values)
            if sums is not None:
                values = tree.map_structure(ops.add, sums, values)
            return values, before

        *groups, last = in_groups(data, count, last_alone=True)
        carry = None, others
        for rows in groups:
            if len(rows[0]) == 1:
                carry = added(carry, part_of(rows))
                continue
            if carry[0] is None:
                one = part_of(rows)
                shapes, _ = jax.eval_shape(added, carry, one)
                carry = tree.map_structure(_zeros, shapes), others
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


def _zeros(like):
    return ops.zeros(like.shape, like.dtype)


def _joined(parts):
    """Return the rows of stacked parts, one behind the other."""
    return ops.reshape(parts, (-1, *parts.shape[2:]))
