"""The residual connection around a sublayer, with its norm and dropout."""

import contextlib

import keras

from kzoo.errors import InputError
from kzoo.layers import checks
from kzoo.layers.layer_normalization import LayerNormalization

NORM_PLACEMENTS = ("pre", "post", "none")


@keras.saving.register_keras_serializable(package="kzoo")
class ResidualSublayer(keras.layers.Layer):
    """Add a sublayer's output to its input, and normalise before or after.

    ```
    post:  y = norm(x + dropout(F(x)))      2017 Transformer, BERT
    pre:   y = x + dropout(F(norm(x)))      GPT-2
    none:  y = x + dropout(F(x))
    ```

    Under `pre` the skip connection is untouched from the first layer to the last,
    so gradients reach every depth at their full size; under `post` each passes
    through every norm above it.

    Args:
        sublayer: F, any layer (or `keras.Sequential`) whose output has the shape of
            its input.
        norm_placement: `"pre"`, `"post"` or `"none"`.
        norm: The norm; by default `LayerNormalization(epsilon=layer_norm_epsilon)`.
        dropout: Rate on F's output, while training.
        layer_norm_epsilon: Epsilon of the default norm.

    Call arguments:
        inputs: x, (..., D).
        value, key: Of a cross-attention, passed on to F where given.
        padding_mask, attention_mask, use_causal_mask: Likewise.
        training: Whether dropout is on; also passed to F if it takes it.
        **kwargs: Anything else that F takes.

    Returns:
        y, (..., D).

    Raises:
        InputError: If the placement is unknown, the rate outside [0, 1), or F's
            output has another shape than its input.

    Example:
        >>> import numpy as np
        >>> skip = ResidualSublayer(keras.layers.Dense(4), norm_placement="pre")
        >>> skip(np.ones((2, 3, 4), "float32")).shape == (2, 3, 4)
        True

    Reference:
        He et al. 2015, arXiv:1512.03385, section 3.2; Xiong et al. 2020,
        arXiv:2002.04745, for the two placements.
    """

    def __init__(
        self,
        sublayer: keras.layers.Layer,
        *,
        norm_placement: str = "pre",
        norm: keras.layers.Layer | None = None,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.one_of(NORM_PLACEMENTS, norm_placement=norm_placement)
        checks.rate(dropout=dropout)
        self.sublayer = sublayer
        self.norm_placement = norm_placement
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self._given_norm = norm
        if norm_placement == "none":
            self.norm = None
        else:
            self.norm = norm or LayerNormalization(
                epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
            )
        self.output_dropout = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="output_dropout"
        )
        self.supports_masking = True
        self._passes_training = sublayer._call_has_training_arg

    def build(self, inputs_shape, value_shape=None, key_shape=None):
        """Build F and the norm on the input's shape."""
        input_shape = tuple(inputs_shape)
        others = [value_shape, key_shape]
        while others and others[-1] is None:
            others.pop()
        if not self.sublayer.built:
            self.sublayer.build(input_shape, *others)
        with contextlib.suppress(NotImplementedError):  # then the call tells
            output_shape = self.sublayer.compute_output_shape(input_shape, *others)
            _check_equal(input_shape, output_shape)
        if self.norm is not None and not self.norm.built:
            self.norm.build(input_shape)

    def call(
        self,
        inputs,
        value=None,
        key=None,
        padding_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        training=None,
        **kwargs,
    ):
        """Return the inputs with the sublayer's output added, (..., D)."""
        tensors = {
            "value": value,
            "key": key,
            "padding_mask": padding_mask,
            "attention_mask": attention_mask,
        }
        kwargs.update((name, x) for name, x in tensors.items() if x is not None)
        if use_causal_mask:
            kwargs["use_causal_mask"] = True
        if self._passes_training:
            kwargs["training"] = training
        x = self.norm(inputs) if self.norm_placement == "pre" else inputs
        x = self.sublayer(x, **kwargs)
        _check_equal(inputs.shape, x.shape)
        y = inputs + self.output_dropout(x, training=training)
        return self.norm(y) if self.norm_placement == "post" else y

    def compute_output_shape(self, inputs_shape, **kwargs):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "sublayer": serialize(self.sublayer),
            "norm_placement": self.norm_placement,
            "norm": self._given_norm and serialize(self._given_norm),
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }

    @classmethod
    def from_config(cls, config):
        """Return the layer of a config."""
        config = dict(config)
        for name in ("sublayer", "norm"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _check_equal(input_shape, output_shape):
    """Raise unless the shapes agree in rank and width.

    Raises:
        InputError: If they do not.
    """
    given, found = tuple(input_shape), tuple(output_shape)
    if len(given) != len(found) or given[-1] != found[-1]:
        raise InputError(
            "A residual connection adds shapes that are equal.",
            f"input {given}, sublayer output {found}",
            "Give the sublayer's last axis the input's width.",
        )
