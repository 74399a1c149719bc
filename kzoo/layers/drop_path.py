"""Stochastic depth: a residual branch that is left out now and then."""

import keras
from keras import ops

from kzoo.layers import checks, global_rows


@keras.saving.register_keras_serializable(package="kzoo")
class DropPath(keras.layers.Layer):
    """Set whole rows of a batch to zero, while training.

    ```
    y_b = x_b * keep_b / (1 - rate),   keep_b ~ Bernoulli(1 - rate)
    ```

    One draw for each row b, so that on a residual branch a row skips the sublayer
    altogether. What is kept is scaled up, so the expectation stays.

    Args:
        rate: The share of rows that are dropped. `drop_path_rates` gives one for
            each layer of a stack.
        seed: Of the draws; by default another in every layer.

    Call arguments:
        inputs: x, (B, ...).
        training: Whether rows are dropped.

    Returns:
        y, (B, ...).

    Raises:
        InputError: If the rate is outside [0, 1).

    Example:
        >>> import numpy as np
        >>> y = DropPath(0.5, seed=1)(np.ones((64, 3), "float32"), training=True)
        >>> sorted({float(row[0]) for row in keras.ops.convert_to_numpy(y)})
        [0.0, 2.0]

    Reference:
        Huang et al. 2016, arXiv:1603.09382, section 3.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        checks.rate(rate=rate)
        self.rate = rate
        self.seed = seed
        self.supports_masking = True
        if rate > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        """Nothing to create."""

    def call(self, inputs, training=False):
        """Return the inputs with rows dropped, (B, ...)."""
        if not training or self.rate == 0:
            return inputs
        shape = (ops.shape(inputs)[0], *([1] * (len(inputs.shape) - 1)))
        draws = global_rows.uniform(shape, inputs, seed=self.seed_generator)
        kept = ops.cast(draws >= self.rate, inputs.dtype)
        return inputs * kept / ops.cast(1 - self.rate, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
