"""The residual blocks of ResNet."""

import keras

from kzoo.errors import InputError
from kzoo.layers import activations, checks
from kzoo.layers.chain import Chain
from kzoo.layers.residual_sublayer import ResidualSublayer

VARIANTS = ("basic", "bottleneck")
EXPANSION = 4  # how much wider a bottleneck's output is than its inside


@keras.saving.register_keras_serializable(package="kzoo")
class ResidualConv2D(keras.layers.Layer):
    """Convolutions with batch normalization and a skip around them.

    ```
    basic:           F = norm(conv_kxk(act(norm(conv_kxk,s(x)))))
    bottleneck:      F = norm(conv_1x1(act(norm(conv_kxk,s(act(norm(conv_1x1(x))))))))
                     y = act(S(x) + F(x))
    pre_activation:  norm and act stand before each convolution, none after the sum
                     y = S(x) + F(x)
    ```

    S is the identity where F keeps the shape, and norm(conv_1x1,s(x)) where it does
    not; under `pre_activation` conv_1x1,s(act(norm(x))). The stride s is on the k x k
    convolution, padding is the same on both sides, and convolutions have no bias, as
    in torchvision.

    Args:
        filters: The channels of the inside; a bottleneck's output has four times as
            many.
        kernel_size: k, odd.
        strides: s, of height and width alike.
        variant: `"basic"` or `"bottleneck"`.
        pre_activation: Whether norm and activation come first.
        activation: Any that `FeedForward` takes, without gates.
        drop_path: The share of rows that skip the branch, while training.
        momentum: Of the moving averages of batch normalization.
        epsilon: Of batch normalization.
        kernel_initializer: Of every convolution.

    Call arguments:
        inputs: (B, height, width, channels).
        training: Whether batch statistics are taken and rows dropped.

    Returns:
        (B, ceil(height / s), ceil(width / s), filters or 4 filters).

    Raises:
        InputError: If a size, rate or name is not valid.

    Example:
        >>> import numpy as np
        >>> block = ResidualConv2D(4, strides=2, variant="bottleneck")
        >>> block(np.ones((2, 7, 5, 3), "float32")).shape == (2, 4, 3, 16)
        True

    Reference:
        He et al. 2015, arXiv:1512.03385, figure 5; He et al. 2016, arXiv:1603.05027,
        figure 1b, for `pre_activation`.
    """

    def __init__(
        self,
        filters: int,
        *,
        kernel_size: int = 3,
        strides: int = 1,
        variant: str = "basic",
        pre_activation: bool = False,
        activation="relu",
        drop_path: float = 0.0,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(filters=filters, kernel_size=kernel_size, strides=strides)
        if kernel_size % 2 == 0:
            raise InputError(
                "A kernel of odd size has a middle, on which the skip lies.",
                f"kernel_size={kernel_size}",
                "Pass 1, 3, 5 or another odd number.",
            )
        checks.one_of(VARIANTS, variant=variant)
        checks.rate(drop_path=drop_path)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.variant = variant
        self.pre_activation = pre_activation
        self.activation = activations.get(activation)
        self.drop_path = drop_path
        self.momentum = momentum
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        """Create the branch and the shortcut, (B, height, width, channels)."""
        changes = self.strides != 1 or input_shape[-1] != self._output_filters
        branch = self._branch()
        shortcut, self.before = "identity", None
        if changes:
            shortcut = [*self._convolution("shortcut", 1, self._output_filters, True)]
        if self.pre_activation and changes:
            # Shortcut and branch share the first norm and activation.
            self.before, branch = Chain(branch[:2], **self._own("before")), branch[2:]
            self.before.build(input_shape)
        if changes and not self.pre_activation:
            shortcut.append(self._norm("shortcut_norm"))
        self.residual = ResidualSublayer(
            Chain(branch, **self._own("branch")),
            norm_placement="none" if self.pre_activation else "post",
            norm=None if self.pre_activation else self._activate("output_activation"),
            drop_path=self.drop_path,
            shortcut=Chain(shortcut, **self._own("skip")) if changes else shortcut,
            **self._own("residual"),
        )
        self.residual.build(input_shape)

    @property
    def _output_filters(self):
        return self.filters * (EXPANSION if self.variant == "bottleneck" else 1)

    def _branch(self):
        """Return the layers of F in order."""
        k, filters = self.kernel_size, self.filters
        convolutions = {
            "basic": [(k, filters, True), (k, filters, False)],
            "bottleneck": [
                (1, filters, False),
                (k, filters, True),
                (1, self._output_filters, False),
            ],
        }[self.variant]
        layers = []
        for number, (size, width, strided) in enumerate(convolutions, 1):
            norm = self._norm(f"norm_{number}")
            convolution = self._convolution(f"conv_{number}", size, width, strided)
            if self.pre_activation:
                layers += [norm, self._activate(f"activation_{number}"), *convolution]
            else:
                layers += [*convolution, norm, self._activate(f"activation_{number}")]
        return layers if self.pre_activation else layers[:-1]

    def _convolution(self, name, size, filters, strided):
        strides = self.strides if strided else 1
        # With a stride, Keras's "same" pads the end more than the beginning.
        explicit = strides > 1 and size > 1
        if explicit:
            yield keras.layers.ZeroPadding2D(
                size // 2, data_format="channels_last", **self._own(f"{name}_padding")
            )
        yield keras.layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="valid" if explicit else "same",
            use_bias=False,
            data_format="channels_last",
            kernel_initializer=self.kernel_initializer.clone(),
            **self._own(name),
        )

    def _norm(self, name):
        return keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, **self._own(name)
        )

    def _activate(self, name):
        return keras.layers.Activation(self.activation, **self._own(name))

    def _own(self, name):
        return {"dtype": self.dtype_policy, "name": name}

    def call(self, inputs, training=None):
        """Return the block's output, (B, height / s, width / s, channels)."""
        if self.before is not None:
            inputs = self.before(inputs, training=training)
        return self.residual(inputs, training=training)

    def compute_output_shape(self, input_shape):
        """Return the shape of the output."""
        batch, *sizes, _ = input_shape
        sizes = [None if size is None else -(-size // self.strides) for size in sizes]
        return (batch, *sizes, self._output_filters)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "variant": self.variant,
            "pre_activation": self.pre_activation,
            "activation": activations.serialize(self.activation),
            "drop_path": self.drop_path,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
