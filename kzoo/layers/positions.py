"""Absolute positions: a learned vector for each, or sines and cosines."""

import keras
import numpy as np
from keras import ops

from kzoo.errors import InputError
from kzoo.layers import checks, kernels


@keras.saving.register_keras_serializable(package="kzoo")
class PositionEmbedding(keras.layers.Layer):
    """Give each position from 0 on a learned vector.

    Args:
        max_sequence_length: How many positions there are.
        embeddings_initializer: Of the table, (max_sequence_length, D).

    Call arguments:
        inputs: (B, T, D); only its shape is used.
        positions: (B, T) integers below `max_sequence_length`, or None for 0 to
            T - 1.
        training: Whether gradients will be asked for, which are then added up in
            float32.

    Returns:
        (1, T, D), or (B, T, D) where positions are given: to be added to the inputs.
        While it trains in mixed precision always (B, T, D), so that the gradient of a
        position is added up in float32.

    Raises:
        InputError: If the size is not positive, or a known T exceeds it.

    Example:
        >>> import numpy as np
        >>> PositionEmbedding(7)(np.zeros((2, 5, 4), "float32")).shape == (1, 5, 4)
        True

    Reference:
        Gehring et al. 2017, arXiv:1705.03122, section 3.1; Devlin et al. 2018.
    """

    def __init__(
        self, max_sequence_length: int, *, embeddings_initializer="uniform", **kwargs
    ):
        super().__init__(**kwargs)
        checks.positive(max_sequence_length=max_sequence_length)
        self.max_sequence_length = max_sequence_length
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape):
        """Create the table, (max_sequence_length, D)."""
        check_length(input_shape[1], self.max_sequence_length)
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.max_sequence_length, input_shape[-1]),
            initializer=self.embeddings_initializer,
            autocast=False,
        )

    def call(self, inputs, positions=None, training=None):
        """Return the positions' vectors, (1, T, D) or (B, T, D)."""
        if positions is None:
            check_length(inputs.shape[1], self.max_sequence_length)
        dtype = self.compute_dtype
        return _rows(self.embeddings, inputs, positions, dtype, training)

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        """Return (1, T, D), or (B, T, D) where positions are given."""
        return _output_shape(inputs_shape, positions_shape)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "max_sequence_length": self.max_sequence_length,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
        }


@keras.saving.register_keras_serializable(package="kzoo")
class SinePositionEncoding(keras.layers.Layer):
    """Give each position sines and cosines of geometrically spaced wavelengths.

    ```
    P[t, 2i] = sin(t / max_wavelength^(2i / D))
    P[t, 2i + 1] = cos(t / max_wavelength^(2i / D))
    ```

    or, not interleaved, all sines before all cosines, as Marian has them. The table
    is computed in float64 and kept as a constant; there are no weights.

    Args:
        max_sequence_length: How many positions there are.
        max_wavelength: The longest wavelength over 2 pi.
        interleaved: Whether sines and cosines take turns; if not, the first half of D
            are sines.

    Call arguments:
        inputs: (B, T, D), D even; only its shape is used.
        positions: (B, T) integers, or None for 0 to T - 1.

    Returns:
        (1, T, D), or (B, T, D) where positions are given: to be added to the inputs.

    Raises:
        InputError: If the size is not positive, D odd, or a known T exceeds the size.

    Example:
        >>> import numpy as np
        >>> table = SinePositionEncoding(7)(np.zeros((1, 2, 4), "float32"))
        >>> print(np.round(keras.ops.convert_to_numpy(table)[0, 0], 3))
        [0. 1. 0. 1.]

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    def __init__(
        self,
        max_sequence_length: int,
        *,
        max_wavelength: float = 10_000.0,
        interleaved: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.positive(max_sequence_length=max_sequence_length)
        self.max_sequence_length = max_sequence_length
        self.max_wavelength = max_wavelength
        self.interleaved = interleaved

    def build(self, input_shape):
        """Compute the table, (max_sequence_length, D)."""
        check_length(input_shape[1], self.max_sequence_length)
        self.table = sine_table(
            self.max_sequence_length,
            input_shape[-1],
            self.max_wavelength,
            self.interleaved,
        )

    def call(self, inputs, positions=None):
        """Return the positions' vectors, (1, T, D) or (B, T, D)."""
        if positions is None:
            check_length(inputs.shape[1], self.max_sequence_length)
        table = ops.convert_to_tensor(self.table)
        return _rows(table, inputs, positions, self.compute_dtype)

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        """Return (1, T, D), or (B, T, D) where positions are given."""
        return _output_shape(inputs_shape, positions_shape)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "max_sequence_length": self.max_sequence_length,
            "max_wavelength": self.max_wavelength,
            "interleaved": self.interleaved,
        }


def sine_table(
    max_sequence_length: int,
    hidden_dim: int,
    max_wavelength: float = 10_000.0,
    interleaved: bool = True,
) -> np.ndarray:
    """Return the table of `SinePositionEncoding`, (max_sequence_length, D) float32.

    Raises:
        InputError: If D is odd.
    """
    if hidden_dim % 2:
        raise InputError(
            "Sines and cosines come in pairs.",
            f"hidden_dim={hidden_dim}",
            "Choose an even width.",
        )
    exponent = np.arange(0, hidden_dim, 2) / hidden_dim
    angle = np.arange(max_sequence_length)[:, None] / max_wavelength**exponent
    if not interleaved:
        waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
        return waves.astype("float32")
    table = np.empty((max_sequence_length, hidden_dim), "float32")
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)
    return table


def check_length(length: int | None, max_sequence_length: int) -> None:
    """Raise if a known length exceeds the longest one.

    Raises:
        InputError: If it does.
    """
    if length is not None and length > max_sequence_length:
        raise InputError(
            "A sequence has at most as many tokens as there are positions.",
            f"length={length}, max_sequence_length={max_sequence_length}",
            "Cut the input, or build with a greater max_sequence_length.",
        )


def _rows(table, inputs, positions, dtype, training=None):
    if positions is None:
        rows = table[: ops.shape(inputs)[1]][None]  # (1, T, D)
        return kernels.repeated(rows, inputs, dtype, training)
    rows = kernels.lookup(table, ops.cast(positions, "int32"))  # (B, T, D)
    return ops.cast(rows, dtype)


def _output_shape(input_shape, positions_shape):
    return (positions_shape[0] if positions_shape else 1, *input_shape[1:])
