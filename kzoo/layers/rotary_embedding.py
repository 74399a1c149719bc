"""Rotary position embeddings."""

import math

import keras
import numpy as np
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks

SCALINGS = ("linear", "ntk", "yarn")


@keras.saving.register_keras_serializable(package="kzoo")
class RotaryEmbedding(keras.layers.Layer):
    """Turn each pair of features by an angle in proportion to the position.

    ```
    (x_i, x_j) -> (x_i cos a - x_j sin a, x_i sin a + x_j cos a),   a = t w_i
    w_i = max_wavelength^(-2i / R),   i = 0 ... R/2 - 1
    ```

    The product of a turned query and a turned key depends on the distance of their
    positions alone. Longer texts than those of the training are read by scaling:
    `"linear"` divides every position by the factor; `"ntk"` stretches the base, so
    that the slowest pair turns as under `"linear"` and the fastest as before;
    `"yarn"` does either by the number of turns a pair makes within
    `original_length`, and sharpens the scores.

    Args:
        max_wavelength: The base of the wavelengths (theta).
        rotary_dim: R, how many features of each head are turned; by default all.
        interleaved: Whether a pair is (x_2i, x_2i+1), as in GPT-J and the paper, or
            (x_i, x_i+R/2), as in GPT-NeoX and Llama.
        scaling: None, `"linear"`, `"ntk"` or `"yarn"`.
        factor: How many times longer the texts are than `original_length`.
        original_length: Positions of the training; for `"yarn"`.
        beta_fast: Pairs that make more turns than this are left alone; `"yarn"`.
        beta_slow: Pairs that make fewer turns are divided in full; `"yarn"`.

    Call arguments:
        inputs: (B, T, N, H).
        positions: (B, T) or (1, T) integers, or None for 0 to T - 1.

    Returns:
        (B, T, N, H).

    Raises:
        InputError: If R is odd or wider than a head, the scaling unknown, the factor
            below 1, or `"yarn"` without `original_length`.

    Example:
        >>> import numpy as np
        >>> turned = RotaryEmbedding()(np.ones((1, 2, 1, 2), "float32"))
        >>> print(np.round(keras.ops.convert_to_numpy(turned)[0, 1, 0], 3))
        [-0.301  1.382]

    Reference:
        Su et al. 2021, arXiv:2104.09864, section 3.2; Chen et al. 2023,
        arXiv:2306.15595, for linear scaling; Peng et al. 2023, arXiv:2309.00071, for
        NTK and YaRN.
    """

    def __init__(
        self,
        *,
        max_wavelength: float = 10_000.0,
        rotary_dim: int | None = None,
        interleaved: bool = False,
        scaling: str | None = None,
        factor: float = 1.0,
        original_length: int | None = None,
        beta_fast: float = 32.0,
        beta_slow: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if scaling is not None:
            checks.one_of(SCALINGS, scaling=scaling)
        if not factor >= 1:
            raise InputError(
                "Scaling stretches positions, it does not shrink them.",
                f"factor={factor!r}",
                "Pass 1.0 or more.",
            )
        if scaling == "yarn" and original_length is None:
            raise InputError(
                "YaRN counts the turns of a pair within the trained length.",
                "original_length=None",
                "Pass the number of positions of the training.",
            )
        self.max_wavelength = max_wavelength
        self.rotary_dim = rotary_dim
        self.interleaved = interleaved
        self.scaling = scaling
        self.factor = factor
        self.original_length = original_length
        self.beta_fast = beta_fast
        self.beta_slow = beta_slow

    def build(self, input_shape):
        """Compute the angle that each pair turns by from one position to the next."""
        key_dim = input_shape[-1]
        width = key_dim if self.rotary_dim is None else self.rotary_dim
        if width % 2 or not 0 < width <= key_dim:
            raise InputError(
                "Features are turned in pairs, at most all of a head's.",
                f"rotary_dim={width}, key_dim={key_dim}",
                "Choose an even number up to key_dim.",
            )
        self._width = width
        self._frequencies = self._scaled_frequencies(width).astype("float32")

    def _scaled_frequencies(self, width):
        """Return w, (R / 2,), and set the factor on sines and cosines."""
        self._amplitude = 1.0
        exponent = np.arange(0, width, 2) / width
        if self.scaling == "ntk":
            base = self.max_wavelength * self.factor ** (width / max(width - 2, 1))
            return base**-exponent
        frequencies = self.max_wavelength**-exponent
        if self.scaling == "linear":
            return frequencies / self.factor
        if self.scaling == "yarn":
            if self.factor > 1:
                self._amplitude = 0.1 * math.log(self.factor) + 1.0
            divided = self._share_divided(width)
            return frequencies * (1 - divided) + frequencies / self.factor * divided
        return frequencies

    def _share_divided(self, width):
        """Return to what share each pair is divided by the factor, (R / 2,)."""

        def pair_of(turns):
            angle = self.original_length / (turns * 2 * math.pi)
            return width * math.log(angle) / (2 * math.log(self.max_wavelength))

        low = max(math.floor(pair_of(self.beta_fast)), 0)
        high = min(math.ceil(pair_of(self.beta_slow)), width - 1)
        high = high + 0.001 if low == high else high
        return np.clip((np.arange(width // 2) - low) / (high - low), 0, 1)

    def call(self, inputs, positions=None):
        """Return the turned inputs, (B, T, N, H)."""
        if positions is None:
            positions = ops.arange(ops.shape(inputs)[1])[None]
        # Float32 whatever the compute type: bfloat16 has no odd numbers over 256.
        frequencies = ops.convert_to_tensor(self._frequencies)
        angle = ops.cast(positions, "float32")[:, :, None, None] * frequencies
        cosine = ops.cast(ops.cos(angle) * self._amplitude, inputs.dtype)
        sine = ops.cast(ops.sin(angle) * self._amplitude, inputs.dtype)
        turned, rest = inputs[..., : self._width], inputs[..., self._width :]
        if self.interleaved:
            x, y = turned[..., 0::2], turned[..., 1::2]
        else:
            x, y = ops.split(turned, 2, axis=-1)
        parts = [x * cosine - y * sine, y * cosine + x * sine]
        if self.interleaved:
            turned = ops.reshape(ops.stack(parts, axis=-1), ops.shape(turned))
        else:
            turned = ops.concatenate(parts, axis=-1)
        if self._width == inputs.shape[-1]:
            return turned
        return ops.concatenate([turned, rest], axis=-1)

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        """Return the shape of the inputs."""
        return inputs_shape

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "max_wavelength": self.max_wavelength,
            "rotary_dim": self.rotary_dim,
            "interleaved": self.interleaved,
            "scaling": self.scaling,
            "factor": self.factor,
            "original_length": self.original_length,
            "beta_fast": self.beta_fast,
            "beta_slow": self.beta_slow,
        }
