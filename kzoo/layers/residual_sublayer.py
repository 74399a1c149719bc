"""The residual connection around a sublayer, with its norm and dropout."""

import contextlib

import keras

from kzoo.errors import InputError
from kzoo.layers import checks
from kzoo.layers.dense import Dense
from kzoo.layers.drop_path import DropPath
from kzoo.layers.dropout import Dropout
from kzoo.layers.handing_on import handed_on
from kzoo.layers.layer_scale import LayerScale
from kzoo.layers.norms import make_norm
from kzoo.layers.re_zero import ReZero

NORM_PLACEMENTS = ("pre", "post", "sandwich", "none")
NORM_FIRST = ("pre", "sandwich")
SHORTCUTS = ("identity", "projection")
BRANCH_SCALES = {"layer_scale": LayerScale, "re_zero": ReZero}


@keras.saving.register_keras_serializable(package="kzoo")
class ResidualSublayer(keras.layers.Layer):
    """Add a sublayer's output to its input, and normalise before or after.

    ```
    pre:       y = a S(x) + b(F(norm(x)))            GPT-2
    post:      y = norm(a S(x) + b(F(x)))            2017 Transformer, BERT
    sandwich:  y = a S(x) + b(norm_2(F(norm(x))))    CogView, Gemma 2
    none:      y = a S(x) + b(F(x))

    b(z) = drop_path(branch_scale(dropout(z))),      S(x) = shortcut(x)
    ```

    With all else left out a = 1, S(x) = x, b is the dropout alone. Under `pre`,
    `sandwich` and `none` the skip is then untouched from the first layer to the last,
    so gradients reach every depth at their full size; under `post` each passes
    through every norm above it.

    * parallel (GPT-J): F is a `ParallelSum` of attention and feed-forward network.
    * DeepNorm: `post` with `skip_scale=alpha` of `deep_norm_scales`.
    * ReZero: `none` with `branch_scale="re_zero"`.

    Args:
        sublayer: F, any layer (or `keras.Sequential`).
        norm_placement: `"pre"`, `"post"`, `"sandwich"` or `"none"`.
        norm: The norm: a layer, `"layer_norm"` (the default) or `"rms_norm"`. Under
            `sandwich` the second is made from the first's config.
        dropout: Rate on F's output, while training.
        layer_norm_epsilon: Epsilon of a norm made by name.
        skip_scale: a, the factor on the skip.
        branch_scale: `"layer_scale"`, `"re_zero"`, or a layer for F's output.
        drop_path: The share of rows that skip F, while training (stochastic depth).
        shortcut: S where F changes the shape. `"identity"` asks for equal shapes;
            `"projection"` is a dense layer without bias where F's output has
            another width, and the identity where it has not; or a layer.

    Call arguments:
        inputs: x, (..., D).
        value, key: Of a cross-attention, passed on to F where given.
        padding_mask, attention_mask, use_causal_mask: Likewise.
        training: Whether dropout is on; also passed to F if it takes it.
        **kwargs: Anything else that F takes.

    Returns:
        y, of the shape of F's output.

    Raises:
        InputError: If a name is unknown, a rate outside [0, 1), or F's output and
            the shortcut's have different shapes.

    Example:
        >>> import numpy as np
        >>> skip = ResidualSublayer(keras.layers.Dense(4), norm_placement="pre")
        >>> skip(np.ones((2, 3, 4), "float32")).shape == (2, 3, 4)
        True

    Reference:
        He et al. 2015, arXiv:1512.03385, section 3.2; Xiong et al. 2020,
        arXiv:2002.04745, for pre and post; Ding et al. 2021, arXiv:2105.13290,
        section 2.4, for the sandwich; Wang et al. 2022, arXiv:2203.00555, for DeepNorm.
    """

    def __init__(
        self,
        sublayer: keras.layers.Layer,
        *,
        norm_placement: str = "pre",
        norm: keras.layers.Layer | str | None = None,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        skip_scale: float = 1.0,
        branch_scale: keras.layers.Layer | str | None = None,
        drop_path: float = 0.0,
        shortcut: keras.layers.Layer | str = "identity",
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.one_of(NORM_PLACEMENTS, norm_placement=norm_placement)
        checks.rate(dropout=dropout, drop_path=drop_path)
        if isinstance(branch_scale, str):
            checks.one_of(BRANCH_SCALES, branch_scale=branch_scale)
        if isinstance(shortcut, str):
            checks.one_of(SHORTCUTS, shortcut=shortcut)
        self.sublayer = sublayer
        self.norm_placement = norm_placement
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.skip_scale = skip_scale
        self.drop_path = drop_path
        given = {"norm": norm, "branch_scale": branch_scale, "shortcut": shortcut}
        self._names = {
            name: part
            for name, part in given.items()
            if not isinstance(part, keras.layers.Layer)
        }
        own = {"dtype": self.dtype_policy}
        self.norm = self.output_norm = self.branch_scale = self.path_dropout = None
        if norm_placement != "none":
            self.norm = make_norm(norm, layer_norm_epsilon, name="norm", **own)
        if norm_placement == "sandwich":
            config = {**self.norm.get_config(), "name": "output_norm"}
            self.output_norm = type(self.norm).from_config(config)
        self.output_dropout = Dropout(dropout, name="output_dropout", **own)
        if isinstance(branch_scale, str):
            self.branch_scale = BRANCH_SCALES[branch_scale](name="branch_scale", **own)
        else:
            self.branch_scale = branch_scale
        if drop_path > 0:
            self.path_dropout = DropPath(drop_path, name="path_dropout", **own)
        self.shortcut = None if isinstance(shortcut, str) else shortcut
        self.supports_masking = True
        self._passes_training = sublayer._call_has_training_arg

    def build(self, inputs_shape, value_shape=None, key_shape=None):
        """Build F, the norms and the shortcut, each on its input's shape."""
        input_shape = tuple(inputs_shape)
        others = [value_shape, key_shape]
        while others and others[-1] is None:
            others.pop()
        _build(self.sublayer, input_shape, *others)
        output_shape = skip_shape = input_shape
        with contextlib.suppress(NotImplementedError):  # then the call tells
            output_shape = self.sublayer.compute_output_shape(input_shape, *others)
        if self._names.get("shortcut") == "projection" and _differ(
            input_shape[-1:], output_shape[-1:]
        ):
            self.shortcut = Dense(
                output_shape[-1],
                use_bias=False,
                dtype=self.dtype_policy,
                name="shortcut",
            )
        if self.shortcut is not None:
            _build(self.shortcut, input_shape)
            skip_shape = self.shortcut.compute_output_shape(input_shape)
        self._check_equal(input_shape, skip_shape, output_shape)
        _build(self.norm, skip_shape if self.norm_placement == "post" else input_shape)
        for part in (self.output_norm, self.branch_scale, self.path_dropout):
            _build(part, skip_shape)

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
        kwargs = handed_on(tensors, use_causal_mask, kwargs)
        if self._passes_training:
            kwargs["training"] = training

        def run(x):
            return self.sublayer(x, **kwargs), None

        return self._around(inputs, run, training)[0]

    def call_with_cache(self, inputs, cache, **kwargs):
        """Return the same arithmetic around a sublayer that keeps a cache.

        It is for decoding, so dropout is off.

        Args:
            inputs: x, (..., D).
            cache: What the sublayer's own `call_with_cache` takes.
            **kwargs: Anything else that takes.

        Returns:
            y, (..., D), and the sublayer's new cache.
        """
        return self._around(
            inputs,
            lambda x: self.sublayer.call_with_cache(x, cache=cache, **kwargs),
            training=False,
        )

    def _around(self, inputs, run, training=None):
        """Return the residual of `run`, which gives (output, cache), and the cache."""
        x, cache = run(self.sublayer_input(inputs))
        skip = inputs if self.shortcut is None else self._shortcut(inputs, training)
        self._check_equal(inputs.shape, skip.shape, x.shape)
        if self.output_norm is not None:
            x = self.output_norm(x)
        if self.dropout:
            x = self.output_dropout(x, training=training)
        if self.branch_scale is not None:
            x = self.branch_scale(x)
        if self.path_dropout is not None:
            x = self.path_dropout(x, training=training)
        if self.skip_scale != 1:
            skip = keras.ops.multiply(skip, self.skip_scale)
        y = keras.ops.add(skip, x)
        return (self.norm(y) if self.norm_placement == "post" else y), cache

    def sublayer_input(self, inputs):
        """Return what F is called with: the inputs, normalised or not, (..., D)."""
        return self.norm(inputs) if self.norm_placement in NORM_FIRST else inputs

    def _shortcut(self, inputs, training):
        if self.shortcut._call_has_training_arg:
            return self.shortcut(inputs, training=training)
        return self.shortcut(inputs)

    def _check_equal(self, input_shape, skip_shape, output_shape):
        if not _differ(skip_shape, output_shape):
            return
        received = f"input {tuple(input_shape)}, sublayer output {tuple(output_shape)}"
        if self.shortcut is not None:
            received += f", shortcut output {tuple(skip_shape)}"
        raise InputError(
            "A residual connection adds shapes that are equal.",
            received,
            "Give the sublayer's output the input's shape, or pass "
            "shortcut='projection' where only the last axis differs, or as shortcut a "
            "layer that makes the one shape of the other.",
        )

    def compute_output_shape(self, inputs_shape, **kwargs):
        """Return the shape of F's output."""
        if self.shortcut is not None:
            return self.shortcut.compute_output_shape(inputs_shape)
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "sublayer": _serialize(self.sublayer),
            "norm_placement": self.norm_placement,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "skip_scale": self.skip_scale,
            "drop_path": self.drop_path,
            **{
                name: _serialize(self._names.get(name, getattr(self, name)))
                for name in ("norm", "branch_scale", "shortcut")
            },
        }

    @classmethod
    def from_config(cls, config):
        """Return the layer of a config."""
        config = dict(config)
        for name in ("sublayer", "norm", "branch_scale", "shortcut"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _build(layer, *shapes):
    if layer is not None and not layer.built:
        layer.build(*shapes)


def _differ(first, second):
    """Return whether two shapes have another rank, or another size of an axis."""
    first, second = tuple(first), tuple(second)
    return len(first) != len(second) or any(
        a != b for a, b in zip(first, second, strict=True) if None not in (a, b)
    )


def _serialize(part):
    """Return a layer's config; a name, or None, as it is."""
    if isinstance(part, keras.layers.Layer):
        return keras.saving.serialize_keras_object(part)
    return part
