"""Layers one after another, as one layer."""

import keras


class Chain(keras.layers.Layer):
    """Call layers in order, passing `training` to those that take it.

    Where `keras.Sequential` has the global type policy whatever its layers have, a
    chain has its own. It is a part of layers that make it anew from their config.

    Args:
        parts: The layers.

    Call arguments:
        inputs: What the first takes.
        training: Passed on.

    Returns:
        What the last returns.

    Example:
        >>> import numpy as np
        >>> chain = Chain([keras.layers.Dense(3), keras.layers.ReLU()])
        >>> chain(np.ones((2, 5))).shape == (2, 3)
        True
    """

    def __init__(self, parts, **kwargs):
        super().__init__(**kwargs)
        self.parts = list(parts)
        self.supports_masking = True

    def build(self, input_shape):
        """Build each layer on the shape before it."""
        for part in self.parts:
            if not part.built:
                part.build(input_shape)
            input_shape = part.compute_output_shape(input_shape)

    def call(self, inputs, training=None):
        """Return the last layer's output."""
        for part in self.parts:
            if part._call_has_training_arg:
                inputs = part(inputs, training=training)
            else:
                inputs = part(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        """Return the last layer's shape."""
        for part in self.parts:
            input_shape = part.compute_output_shape(input_shape)
        return input_shape
