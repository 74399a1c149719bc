"""The steps of a model that JAX trains on several devices."""

import contextlib

from kzoo.training.distribution.jax_devices import (
    distribution_of,
    on_every_device,
    share_rows,
)


class JaxSteps:
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
        return super().train_step(state, share_rows(data, self))

    def test_step(self, state, data):
        """Evaluate a batch, each device its rows."""
        return super().test_step(state, share_rows(data, self))

    def predict_step(self, state, data):
        """Return the outputs of a batch, of which each device computes its rows."""
        outputs, state = super().predict_step(state, share_rows(data, self))
        return on_every_device(outputs, self), state
