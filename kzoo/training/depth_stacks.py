"""Stacks of many blocks, one recipe each, for the study of depth."""

import dataclasses
from typing import Any

import keras

from kzoo import layers
from kzoo.layers import checks


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a stack's blocks are joined.

    Attributes:
        label: What a figure calls it.
        residual: Options of every `ResidualSublayer`; None for no skip at all.
        norm_first: Whether blocks without a skip begin with a norm.
        final_norm: Whether a norm stands behind the last block.
        scheme: The `block_initializers`, or None for glorot_uniform.
        parallel: Whether attention and feed-forward network share a skip.
    """

    label: str
    residual: dict[str, Any] | None
    norm_first: bool = False
    final_norm: bool = False
    scheme: str | None = None
    parallel: bool = False


RECIPES = {
    "plain": Recipe("no skip", None),
    "plain-norm": Recipe("no skip, norm", None, norm_first=True, final_norm=True),
    "none": Recipe("skip, no norm", {"norm_placement": "none"}),
    "pre": Recipe("pre", {"norm_placement": "pre"}, final_norm=True),
    "pre-rms": Recipe(
        "pre, RMS", {"norm_placement": "pre", "norm": "rms_norm"}, final_norm=True
    ),
    "pre-gpt2": Recipe(
        "pre, GPT-2", {"norm_placement": "pre"}, final_norm=True, scheme="gpt2"
    ),
    "post": Recipe("post", {"norm_placement": "post"}),
    "sandwich": Recipe("sandwich", {"norm_placement": "sandwich"}, final_norm=True),
    "parallel": Recipe(
        "parallel", {"norm_placement": "pre"}, final_norm=True, parallel=True
    ),
    "layer-scale": Recipe(
        "pre, LayerScale",
        {"norm_placement": "pre", "branch_scale": "layer_scale"},
        final_norm=True,
    ),
    "re-zero": Recipe("ReZero", {"norm_placement": "none", "branch_scale": "re_zero"}),
    "deep-norm": Recipe("DeepNorm", {"norm_placement": "post"}, scheme="deep_norm"),
    "t-fixup": Recipe("T-Fixup", {"norm_placement": "none"}, scheme="t_fixup"),
}
WIDTH, HEADS, CLASSES = 32, 4, 4
FEATURES, TOKENS, LENGTH = 16, 11, 8


def make_stack(kind: str, name: str, depth: int) -> keras.Model:
    """Return a model of many blocks.

    Args:
        kind: `"mlp"`, (B, 16) to logits (B, 4), or `"encoder"`, token ids (B, 8) to
            logits (B, 8, 11).
        name: A recipe of `RECIPES`.
        depth: The number of blocks. One of the encoder is attention and feed-forward
            network.

    Returns:
        The model. Its blocks' outputs are those of the layers `block_0`, `block_1`,
        and so on.

    Raises:
        InputError: If kind or recipe is unknown or the depth not positive.

    Example:
        >>> make_stack("mlp", "pre", 3).output_shape
        (None, 4)
    """
    checks.one_of(("mlp", "encoder"), kind=kind)
    checks.one_of(RECIPES, name=name)
    checks.positive(depth=depth)
    recipe = RECIPES[name]
    if kind == "mlp":
        inputs = keras.Input((FEATURES,))
        x = keras.layers.Dense(WIDTH, name="stem")(inputs)
    else:
        inputs = keras.Input((LENGTH,), dtype="int32")
        x = layers.TokenEmbedding(TOKENS, WIDTH, scale=WIDTH**0.5, name="stem")(inputs)
        x = x + layers.SinePositionEncoding(LENGTH, name="positions")(x)
    for index in range(depth):
        x = _Block(kind, name, depth, name=f"block_{index}")(x)
    if recipe.final_norm:
        x = layers.LayerNormalization(name="final_norm")(x)
    outputs = keras.layers.Dense(CLASSES if kind == "mlp" else TOKENS, name="head")(x)
    return keras.Model(inputs, outputs)


class _Block(keras.layers.Layer):
    """One block of a stack: its parts in order."""

    def __init__(self, kind, recipe, depth, **kwargs):
        super().__init__(**kwargs)
        self.recipe = RECIPES[recipe]
        # DeepNorm and T-Fixup count blocks of two sublayers.
        count = depth if kind == "encoder" else max(1, depth // 2)
        chosen = {"attention": {}, "feed_forward": {}}
        if self.recipe.scheme:
            chosen = layers.block_initializers(self.recipe.scheme, count)
        network = layers.FeedForward(
            2 * WIDTH, activation="relu", name="network", **chosen["feed_forward"]
        )
        parts = [network]
        if kind == "encoder":
            attention = layers.MultiHeadAttention(
                HEADS, name="attention", **chosen["attention"]
            )
            parts = [attention, network]
            if self.recipe.parallel:
                parts = [layers.ParallelSum(parts, name="both")]
        self.parts = [part for x in parts for part in self._around(x, count)]

    def _around(self, part, count):
        if self.recipe.residual is None:
            norm = layers.LayerNormalization(name=f"{part.name}_norm")
            return [norm, part] if self.recipe.norm_first else [part]
        options = dict(self.recipe.residual)
        if self.recipe.scheme == "deep_norm":
            options["skip_scale"] = layers.deep_norm_scales(count).alpha
        return [layers.ResidualSublayer(part, name=f"{part.name}_skip", **options)]

    def build(self, input_shape):
        """Build the parts, all of one shape."""
        for part in self.parts:
            part.build(input_shape)

    def call(self, inputs):
        """Return the last part's output."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape
