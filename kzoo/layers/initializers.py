"""The initialisers that papers prescribe for deep stacks, by the papers' names."""

import keras

from kzoo.layers import checks
from kzoo.layers.composed_initializers import Concatenated, Scaled
from kzoo.layers.depth import deep_norm_scales


@keras.saving.register_keras_serializable(package="kzoo")
class GPT2Residual(keras.initializers.Initializer):
    """Draw the last projection of a residual branch as GPT-2 does.

    ```
    W ~ Normal(0, stddev / sqrt(2 L))
    ```

    A stack of L blocks adds 2 L branches; with this their sum has the size of one.

    Args:
        num_layers: L, the blocks of the stack.
        stddev: That of every other kernel.
        seed: Of the draws.

    Raises:
        InputError: If the depth is not positive.

    Example:
        >>> GPT2Residual(8)((3, 5)).shape == (3, 5)
        True

    Reference:
        Radford et al. 2019, Language Models are Unsupervised Multitask Learners,
        section 2.3.
    """

    def __init__(self, num_layers: int, *, stddev: float = 0.02, seed=None):
        checks.positive(num_layers=num_layers)
        self.num_layers, self.stddev, self.seed = num_layers, stddev, seed
        self._draw = keras.initializers.RandomNormal(
            stddev=stddev * (2 * num_layers) ** -0.5, seed=seed
        )

    def __call__(self, shape, dtype=None):
        """Return the draws."""
        return self._draw(shape, dtype=dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "num_layers": self.num_layers,
            "stddev": self.stddev,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="kzoo")
class DeepNorm(keras.initializers.Initializer):
    """Draw a value, output or feed-forward projection as DeepNorm does.

    ```
    W ~ beta * glorot_normal
    ```

    It goes with `norm_placement="post"` and `skip_scale=alpha`; both numbers are
    those of `deep_norm_scales`. Query and key projections have glorot_normal.

    Args:
        num_layers: The blocks of this stack.
        num_other_layers: The blocks of the other stack of an encoder-decoder.
        decoder: Whether this stack is the decoder of an encoder-decoder.
        seed: Of the draws.

    Raises:
        InputError: If a depth is not positive, or a decoder has no encoder.

    Example:
        >>> DeepNorm(8)((3, 5)).shape == (3, 5)
        True

    Reference:
        Wang et al. 2022, arXiv:2203.00555, figure 2.
    """

    def __init__(
        self, num_layers: int, *, num_other_layers=None, decoder=False, seed=None
    ):
        self.num_layers, self.num_other_layers = num_layers, num_other_layers
        self.decoder, self.seed = decoder, seed
        scales = deep_norm_scales(
            num_layers, num_other_layers=num_other_layers, decoder=decoder
        )
        self._draw = Scaled(keras.initializers.GlorotNormal(seed), scales.beta)

    def __call__(self, shape, dtype=None):
        """Return the draws."""
        return self._draw(shape, dtype=dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            "num_layers": self.num_layers,
            "num_other_layers": self.num_other_layers,
            "decoder": self.decoder,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="kzoo")
class TFixup(keras.initializers.Initializer):
    """Draw a value, output or feed-forward projection as T-Fixup does.

    ```
    encoder:  W ~ 0.67 L^(-1/4) * glorot_uniform
    decoder:  W ~ (9 L)^(-1/4) * glorot_uniform
    embedding table (V, D), encoder and decoder:  E ~ (9 L)^(-1/4) * Normal(0, D^(-1/2))
    ```

    It goes with `norm_placement="none"` and no warm-up. Query and key projections
    have glorot_uniform.

    Args:
        num_layers: L, the blocks of the stack.
        part: `"encoder"`, `"decoder"` or `"embedding"`.
        seed: Of the draws.

    Raises:
        InputError: If the depth is not positive, or the part unknown.

    Example:
        >>> TFixup(8)((3, 5)).shape == (3, 5)
        True

    Reference:
        Huang et al. 2020, Improving Transformer Optimization Through Better
        Initialization, section 3.2, https://proceedings.mlr.press/v119/huang20f.html.
    """

    def __init__(self, num_layers: int, *, part: str = "encoder", seed=None):
        checks.positive(num_layers=num_layers)
        checks.one_of(("encoder", "decoder", "embedding"), part=part)
        self.num_layers, self.part, self.seed = num_layers, part, seed

    def __call__(self, shape, dtype=None):
        """Return the draws."""
        scale = (9 * self.num_layers) ** -0.25
        draw = keras.initializers.GlorotUniform(self.seed)
        if self.part == "encoder":
            scale = 0.67 * self.num_layers**-0.25
        elif self.part == "embedding":
            draw = keras.initializers.RandomNormal(0.0, shape[-1] ** -0.5, self.seed)
        return Scaled(draw, scale)(shape, dtype=dtype)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"num_layers": self.num_layers, "part": self.part, "seed": self.seed}


__all__ = [
    "Concatenated",
    "DeepNorm",
    "GPT2Residual",
    "Scaled",
    "TFixup",
    "block_initializers",
]

SCHEMES = ("gpt2", "deep_norm", "t_fixup")


def block_initializers(scheme: str, num_layers: int) -> dict[str, dict]:
    """Return the initialisers of a stack's blocks, for the paper's name.

    Args:
        scheme: `"gpt2"`, `"deep_norm"` or `"t_fixup"`.
        num_layers: L, the blocks of the stack.

    Returns:
        `"attention"`: keyword arguments of a `MultiHeadAttention`, fused or not;
        `"feed_forward"`: keyword arguments of a `FeedForward`.

    Raises:
        InputError: If the scheme is unknown or the depth not positive.

    Example:
        >>> sorted(block_initializers("deep_norm", 12)["attention"])
        ['kernel_initializer', 'output_initializer']
    """
    checks.one_of(SCHEMES, scheme=scheme)
    if scheme == "gpt2":
        kernels = {
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.02),
            "output_initializer": GPT2Residual(num_layers),
        }
        return {"attention": kernels, "feed_forward": dict(kernels)}
    plain, branch = {
        "deep_norm": ("glorot_normal", DeepNorm(num_layers)),
        "t_fixup": ("glorot_uniform", TFixup(num_layers)),
    }[scheme]
    query_key_value = Concatenated([plain, plain, branch])
    return {
        "attention": {
            "kernel_initializer": query_key_value,
            "output_initializer": branch,
        },
        "feed_forward": {"kernel_initializer": branch, "output_initializer": branch},
    }
