"""The position-wise feed-forward network."""

import keras
from keras import ops

from kzoo.layers import activations, checks
from kzoo.layers.composed_initializers import Concatenated
from kzoo.layers.dense import Dense
from kzoo.layers.dropout import Dropout


@keras.saving.register_keras_serializable(package="kzoo")
class FeedForward(keras.layers.Layer):
    """Two dense layers with an activation between, at each position alone.

    ```
    y = activation(x W_1 + b_1) W_2 + b_2
    gated:  y = (activation(x W_g + b_g) * (x W_1 + b_1)) W_2 + b_2
    ```

    with dropout, where wanted, on what W_2 multiplies.

    A gated network has one kernel (D, 2 F), W_g beside W_1: one matrix product where
    separate kernels are two. At equal F it has half as many weights again; the paper
    takes 2/3 of F in exchange.

    Args:
        intermediate_dim: F, the inner width (d_ff).
        activation: `"gelu"` (exact), `"gelu_tanh"`, `"relu"`, any name of
            `keras.activations`, or a function. The names `"glu"`, `"bilinear"`,
            `"reglu"`, `"geglu"`, `"geglu_tanh"` and `"swiglu"` are gated by
            sigmoid, the identity, ReLU, both forms of GELU and SiLU.
        gated: Whether the activation gates a second product; a gated name says so.
        output_dim: The width of the output; by default D.
        dropout: Rate on the inner activations, while training.
        use_bias: Whether both layers have biases.
        kernel_initializer: Of the first layer.
        output_initializer: Of the second; by default the same.

    Call arguments:
        inputs: (..., D).
        training: Whether dropout is on.

    Returns:
        (..., D), or of width `output_dim`.

    Raises:
        InputError: If a width is not positive, the rate not one, or the activation
            unknown.

    Example:
        >>> import numpy as np
        >>> FeedForward(32)(np.ones((2, 3, 8), "float32")).shape == (2, 3, 8)
        True

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.3; Shazeer 2020,
        arXiv:2002.05202, section 2, for the gated ones.
    """

    def __init__(
        self,
        intermediate_dim: int,
        *,
        activation="gelu",
        gated: bool = False,
        output_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(intermediate_dim=intermediate_dim)
        checks.positive_or_none(output_dim=output_dim)
        checks.rate(dropout=dropout)
        self.intermediate_dim = intermediate_dim
        if isinstance(activation, str) and activation in activations.GATED:
            activation, gated = activations.GATED[activation], True
        self.activation = activations.get(activation)
        self.gated = gated
        self.output_dim = output_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        """Create both dense layers."""
        units, initializer = self.intermediate_dim, self.kernel_initializer
        if self.gated:
            units = 2 * units
            initializer = Concatenated([initializer, initializer])
        self.inner = self._dense("inner", units, initializer)
        self.inner.build(input_shape)
        self.outer = self._dense(
            "outer",
            self.output_dim or input_shape[-1],
            self.output_initializer or self.kernel_initializer,
        )
        self.outer.build((*input_shape[:-1], self.intermediate_dim))
        self.inner_dropout = Dropout(
            self.dropout, dtype=self.dtype_policy, name="inner_dropout"
        )

    def _dense(self, name, units, initializer):
        return Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs, training=None):
        """Return the transformed inputs, (..., D)."""
        x = self.inner(inputs)
        if self.gated:
            gate, x = ops.split(x, 2, axis=-1)  # (..., F) each
            x = self.activation(gate) * x
        else:
            x = self.activation(x)
        if self.dropout:
            x = self.inner_dropout(x, training=training)
        return self.outer(x)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs, with the output's width."""
        return (*input_shape[:-1], self.output_dim or input_shape[-1])

    def get_config(self):
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": activations.serialize(self.activation),
            "gated": self.gated,
            "output_dim": self.output_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": initializer(self.kernel_initializer),
            "output_initializer": self.output_initializer
            and initializer(self.output_initializer),
        }
