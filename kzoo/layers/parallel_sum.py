"""Several sublayers side by side, summed."""

import inspect
from collections.abc import Sequence

import keras

from kzoo.errors import InputError
from kzoo.layers.handing_on import handed_on


@keras.saving.register_keras_serializable(package="kzoo")
class ParallelSum(keras.layers.Layer):
    """Add up what several layers make of one input.

    ```
    y = F_1(x) + F_2(x) + ...
    ```

    Within `ResidualSublayer(ParallelSum([attention, feed_forward]))` the sublayers
    share one norm and one skip, which is GPT-J's block: their products can run at
    once. A mask, or any other argument, goes to those sublayers that take it.

    Args:
        sublayers: Layers of one output shape.

    Call arguments:
        inputs: x, (..., D).
        value, key, padding_mask, attention_mask, use_causal_mask, training: Passed
            to each sublayer whose `call` has an argument of the name.
        **kwargs: Likewise.

    Returns:
        y, (..., D).

    Raises:
        InputError: If there is no sublayer, none takes an argument that is given,
            or a cache is given and not exactly one keeps one.

    Example:
        >>> import numpy as np
        >>> both = ParallelSum([keras.layers.Dense(4), keras.layers.Dense(4)])
        >>> both(np.ones((2, 3, 4), "float32")).shape == (2, 3, 4)
        True

    Reference:
        Wang and Komatsuzaki 2021, GPT-J-6B,
        https://github.com/kingoflolz/mesh-transformer-jax; Chowdhery et al. 2022,
        arXiv:2204.02311, section 2.
    """

    def __init__(self, sublayers: Sequence[keras.layers.Layer], **kwargs):
        super().__init__(**kwargs)
        if not sublayers:
            raise InputError(
                "A sum has at least one term.",
                f"sublayers={sublayers!r}",
                "Pass a list of layers.",
            )
        self.sublayers = list(sublayers)
        self.supports_masking = True

    def build(self, inputs_shape, value_shape=None, key_shape=None):
        """Build every sublayer on the shapes that it takes."""
        for sublayer in self.sublayers:
            if not sublayer.built:
                sublayer.build(*_shapes(sublayer, inputs_shape, value_shape, key_shape))

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
        """Return the sum, (..., D)."""
        tensors = {
            "value": value,
            "key": key,
            "padding_mask": padding_mask,
            "attention_mask": attention_mask,
        }
        kwargs = handed_on(tensors, use_causal_mask, kwargs)
        self._check_taken(kwargs)
        outputs = []
        for sublayer in self.sublayers:
            given = {k: v for k, v in kwargs.items() if _takes(sublayer.call, k)}
            if sublayer._call_has_training_arg:
                given["training"] = training
            outputs.append(sublayer(inputs, **given))
        return _sum(outputs)

    def call_with_cache(self, inputs, cache, **kwargs):
        """Return the sum where one sublayer keeps a cache; the others are called.

        Args:
            inputs: x, (..., D).
            cache: What that sublayer's `call_with_cache` takes.
            **kwargs: Passed to those that take them.

        Returns:
            y, (..., D), and the new cache.

        Raises:
            InputError: If not exactly one sublayer has `call_with_cache`.
        """
        keeps = [hasattr(sublayer, "call_with_cache") for sublayer in self.sublayers]
        if sum(keeps) != 1:
            raise InputError(
                "A cache belongs to exactly one sublayer of a sum.",
                f"{sum(keeps)} of {len(keeps)} sublayers have call_with_cache",
                "Put one attention layer in each sum.",
            )
        outputs = []
        for sublayer, keeping in zip(self.sublayers, keeps, strict=True):
            call = sublayer.call_with_cache if keeping else sublayer.call
            given = {k: v for k, v in kwargs.items() if _takes(call, k)}
            if keeping:
                output, cache = call(inputs, cache=cache, **given)
            else:
                output = sublayer(inputs, **given)
            outputs.append(output)
        return _sum(outputs), cache

    def _check_taken(self, kwargs):
        for name in kwargs:
            if not any(_takes(sublayer.call, name) for sublayer in self.sublayers):
                raise InputError(
                    "Every argument of a sum is for at least one sublayer.",
                    f"{name}, which none of them takes",
                    "Leave it out, or add a sublayer that has it.",
                )

    def compute_output_shape(self, inputs_shape, value_shape=None, key_shape=None):
        """Return the shape of the sublayers' outputs."""
        first = self.sublayers[0]
        shapes = _shapes(first, inputs_shape, value_shape, key_shape)
        return first.compute_output_shape(*shapes)

    def get_config(self):
        """Return the constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "sublayers": [serialize(sublayer) for sublayer in self.sublayers],
        }

    @classmethod
    def from_config(cls, config):
        """Return the layer of a config."""
        deserialize = keras.saving.deserialize_keras_object
        sublayers = [deserialize(sublayer) for sublayer in config["sublayers"]]
        return cls(**{**config, "sublayers": sublayers})


def _takes(call, name):
    """Return whether a function has an argument of the name, or takes any."""
    parameters = inspect.signature(call).parameters
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return name in parameters or any_name


def _shapes(sublayer, inputs_shape, value_shape, key_shape):
    """Return the shapes that a sublayer is built with."""
    others = [value_shape, key_shape] if _takes(sublayer.call, "value") else []
    while others and others[-1] is None:
        others.pop()
    return inputs_shape, *others


def _sum(outputs):
    total, *rest = outputs
    for output in rest:
        total = total + output
    return total
