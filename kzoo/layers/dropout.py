"""Dropout that is the same on one device and on several that share a batch."""

import keras

from kzoo.layers import checks, global_rows


@keras.saving.register_keras_serializable(package="kzoo")
class Dropout(keras.layers.Layer):
    """Set entries to zero at random, while training.

    ```
    y = x * keep / (1 - rate),   keep ~ Bernoulli(1 - rate)
    ```

    On one device it draws what `keras.layers.Dropout` draws. Where replicas compute
    a share of a batch's rows each, every one of them drops what one device would
    drop in these rows, so that training does not depend on how many there are.

    Args:
        rate: The share of entries that are set to zero.
        noise_shape: Where draws are shared: a size or None (the input's) for each
            axis, such as `(None, None, 1)` for one draw per token.
        seed: Of the draws; by default another in every layer.

    Call arguments:
        inputs: x, (B, ...).
        training: Whether entries are dropped.

    Returns:
        y, (B, ...).

    Raises:
        InputError: If the rate is outside [0, 1).

    Example:
        >>> import numpy as np
        >>> y = Dropout(0.5, seed=1)(np.ones((64, 3), "float32"), training=True)
        >>> sorted({float(x) for x in keras.ops.convert_to_numpy(y).flat})
        [0.0, 2.0]

    Reference:
        Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
        overfitting", https://jmlr.org/papers/v15/srivastava14a.html.
    """

    def __init__(
        self,
        rate: float,
        *,
        noise_shape: tuple | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.rate(rate=rate)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.supports_masking = True
        if rate > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True  # there is nothing to build

    def call(self, inputs, training=False):
        """Return the inputs with entries dropped, (B, ...)."""
        if not training or self.rate == 0:
            return inputs
        return global_rows.dropout(
            inputs, self.rate, self.noise_shape, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }
