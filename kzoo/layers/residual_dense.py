"""The residual block of a multi-layer perceptron."""

import keras

from kzoo.layers import activations, checks
from kzoo.layers.feed_forward import FeedForward
from kzoo.layers.residual_sublayer import ResidualSublayer


@keras.saving.register_keras_serializable(package="kzoo")
class ResidualDense(keras.layers.Layer):
    """Two dense layers with a skip around them.

    ```
    F(x) = activation(x W_1 + b_1) W_2 + b_2
    y = S(x) + F(norm(x))        pre; the other placements as in ResidualSublayer
    ```

    S is the identity where the input is `units` wide, and a projection without bias
    where it is not.

    Args:
        units: The width of the output.
        intermediate_dim: F, the inner width; by default `units`.
        activation: Between the dense layers; any that `FeedForward` takes.
        norm_placement: `"pre"`, `"post"`, `"sandwich"` or `"none"`.
        norm: `"layer_norm"` or `"rms_norm"`.
        dropout: Rate on the branch's output, while training.
        skip_scale: Factor on the skip; see `ResidualSublayer`.
        branch_scale: `"layer_scale"`, `"re_zero"` or None.
        drop_path: The share of rows that skip the branch, while training.
        kernel_initializer: Of both kernels.
        output_initializer: Of the second; by default the same.

    Call arguments:
        inputs: x, (..., D).
        training: Whether dropout is on.

    Returns:
        y, (..., units).

    Raises:
        InputError: If a size, rate or name is not valid.

    Example:
        >>> import numpy as np
        >>> ResidualDense(8)(np.ones((2, 5), "float32")).shape == (2, 8)
        True

    Reference:
        He et al. 2015, arXiv:1512.03385, section 3.2; Gorishniy et al. 2021,
        arXiv:2106.11959, section 3.2, for the block on tables.
    """

    def __init__(
        self,
        units: int,
        *,
        intermediate_dim: int | None = None,
        activation="relu",
        norm_placement: str = "pre",
        norm: str = "layer_norm",
        dropout: float = 0.0,
        skip_scale: float = 1.0,
        branch_scale: str | None = None,
        drop_path: float = 0.0,
        kernel_initializer="he_normal",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(units=units)
        self.units = units
        self.intermediate_dim = intermediate_dim
        self._activation_name = activation if isinstance(activation, str) else None
        self.norm_placement = norm_placement
        self.norm = norm
        self.dropout = dropout
        self.skip_scale = skip_scale
        self.branch_scale = branch_scale
        self.drop_path = drop_path
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        network = FeedForward(
            units if intermediate_dim is None else intermediate_dim,
            output_dim=units,
            activation=activation,
            kernel_initializer=self.kernel_initializer,
            output_initializer=self.output_initializer,
            dtype=self.dtype_policy,
            name="network",
        )
        self.activation = network.activation
        self.residual = ResidualSublayer(
            network,
            norm_placement=norm_placement,
            norm=norm,
            dropout=dropout,
            skip_scale=skip_scale,
            branch_scale=branch_scale,
            drop_path=drop_path,
            shortcut="projection",
            dtype=self.dtype_policy,
            name="residual",
        )
        self.supports_masking = True

    def build(self, input_shape):
        """Build the branch and the shortcut."""
        self.residual.build(input_shape)

    def call(self, inputs, training=None):
        """Return the block's output, (..., units)."""
        return self.residual(inputs, training=training)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs, with the output's width."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "intermediate_dim": self.intermediate_dim,
            "activation": self._activation_name
            or activations.serialize(self.activation),
            "norm_placement": self.norm_placement,
            "norm": self.norm,
            "dropout": self.dropout,
            "skip_scale": self.skip_scale,
            "branch_scale": self.branch_scale,
            "drop_path": self.drop_path,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
        }
