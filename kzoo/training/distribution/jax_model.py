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
    given_weights,
    share_losses,
    sums_of_weights,
)
from kzoo.training.distribution.share_steps import ShareSteps, cut, first


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
        count = self._parts_of_a_device()
        if count == 1:
            return super().train_step(state, share_rows(data, self))
        import jax

        trained, others, slots, metrics = state
        descent = jax.value_and_grad(self._scaled_loss, has_aux=True)
        done = None
        for part in self._received(data, count):
            _behind(part, done)
            (_, (values, others)), gradients = descent(trained, others, slots, part)
            done = _added(done, (gradients, values))
        gradients, values = done
        trained, slots = self.optimizer.stateless_apply(slots, gradients, trained)
        logs, metrics = self._noted_of(metrics, values, part.weights.total)
        return logs, (trained, others, slots, metrics)

    def test_step(self, state, data):
        """Evaluate a batch, each device its rows."""
        count = self._parts_of_a_device()
        if count == 1:
            return super().test_step(state, share_rows(data, self))
        trained, others, metrics = state
        done = None
        for part in self._received(data, count):
            _behind(part, done)
            loss, sums, others = self._computed(trained, others, part, training=False)
            done = _added(done, [loss, *sums])
        logs, metrics = self._noted_of(metrics, done, part.weights.total)
        return logs, (trained, others, metrics)

    def predict_step(self, state, data):
        """Return the outputs of a batch, of which each device computes its rows."""
        outputs, (trained, others) = [], state
        for rows in cut(data, self._parts_of_a_device()):
            state = trained, others
            part, others = super().predict_step(state, share_rows(rows, self))
            outputs.append(part)
        if len(outputs) > 1:
            joined = tree.map_structure(lambda *each: ops.concatenate(each), *outputs)
            outputs = [joined]
        return on_every_device(outputs[0], self), others

    def _parts_of_a_device(self) -> int:
        if self._micro_batches == 1:
            return 1
        found = distribution_of(self)
        return self._micro_batches // (found.num_model_replicas if found else 1)

    def _received(self, data, count: int) -> list[Part]:
        """Return the parts of a batch, of each of which every device has its rows."""
        share_losses(self)
        cuts = [share_rows(rows, self) for rows in cut(data, count)]
        given = [keras.utils.unpack_x_y_sample_weight(rows) for rows in cuts]
        sizes = [first(x).shape[0] for x, _, _ in given]
        own = [sums_of_weights(weights) for _, _, weights in given]
        whole = [sum(each) for each in zip(*own, strict=True)]
        parts = []
        for index, (x, y, weights) in enumerate(given):
            pairs = zip(own[index], whole, strict=True)
            known = dict(zip(map(id, given_weights(weights)), pairs, strict=True))
            weighed = ShareWeights(sizes[index], sum(sizes[:index]), sum(sizes), known)
            parts.append(Part(x, y, weights, weighed, last=index == len(given) - 1))
        return parts

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
        with global_rows.of_global_batch(*place, last=part.last):
            y_pred, others, losses = self.stateless_call(
                trained, others, part.x, return_losses=True, **given
            )
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        known = zip(variables, [*trained, *others], strict=True)
        self._losses_override = losses
        try:
            loss, sums = self._judged(y_pred, part, training, known)
        finally:
            self._losses_override = []
        return loss, sums, others

    def _noted_of(self, values, sums, rows: int):
        """Return the logs of a batch, and the metrics' values with it."""
        mapping = list(zip(self.metrics_variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self._noted(*sums, rows=rows)
        return logs, [scope.get_current_value(v) for v in self.metrics_variables]


def _behind(part: Part, done) -> None:
    """Have a part computed when others are: it takes their memory."""
    if done is None:
        return
    import jax

    part.x, _ = jax.lax.optimization_barrier((part.x, done))


def _added(values, others):
    """Return the sums of two structures; the other one where there is nothing yet.

    Both are computed by themselves, as on two devices: XLA rounds to half precision
    where it stores, and what it sums as it goes it does not store.
    """
    import jax

    others = jax.lax.optimization_barrier(others)
    return others if values is None else tree.map_structure(ops.add, values, others)
