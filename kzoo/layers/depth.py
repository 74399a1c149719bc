"""Numbers that follow from how deep a stack is."""

from typing import NamedTuple

from kzoo.errors import InputError
from kzoo.layers import checks


class DeepNormScales(NamedTuple):
    """The two numbers of DeepNorm.

    Attributes:
        alpha: Factor on the skip: the `skip_scale` of a `ResidualSublayer`.
        beta: Gain of the initialisation of the feed-forward, value and output
            projections: `DeepNormInitializer(beta)`.
    """

    alpha: float
    beta: float


def deep_norm_scales(
    num_layers: int, *, num_other_layers: int | None = None, decoder: bool = False
) -> DeepNormScales:
    """Return DeepNorm's alpha and beta for a depth.

    ```
    encoder alone, or decoder alone:  alpha = (2 L)^(1/4),  beta = (8 L)^(-1/4)
    encoder of L under M decoders:    alpha = 0.81 (L^4 M)^(1/16),
                                      beta = 0.87 (L^4 M)^(-1/16)
    decoder of L over an encoder:     alpha = (3 L)^(1/4),  beta = (12 L)^(-1/4)
    ```

    Args:
        num_layers: L, the blocks of this stack (a block is attention and
            feed-forward network together).
        num_other_layers: The blocks of the other stack of an encoder-decoder; None
            if there is none.
        decoder: Whether this stack is the decoder of an encoder-decoder.

    Returns:
        The two numbers.

    Raises:
        InputError: If a depth is not positive, or a decoder has no encoder.

    Example:
        >>> alpha, beta = deep_norm_scales(8)
        >>> alpha, round(beta, 4)
        (2.0, 0.3536)

    Reference:
        Wang et al. 2022, arXiv:2203.00555, figure 2.
    """
    checks.positive(num_layers=num_layers)
    if num_other_layers is None:
        if decoder:
            raise InputError(
                "A decoder over an encoder has other scales than one alone.",
                "decoder=True, num_other_layers=None",
                "Pass the encoder's depth, or leave decoder out.",
            )
        return DeepNormScales((2 * num_layers) ** 0.25, (8 * num_layers) ** -0.25)
    checks.positive(num_other_layers=num_other_layers)
    if decoder:
        return DeepNormScales((3 * num_layers) ** 0.25, (12 * num_layers) ** -0.25)
    product = num_layers**4 * num_other_layers
    return DeepNormScales(0.81 * product ** (1 / 16), 0.87 * product ** (-1 / 16))


def drop_path_rates(rate: float, num_layers: int) -> list[float]:
    """Return the stochastic depth of each layer: a line from 0 to the last's rate.

    ```
    rate_l = rate * l / L,   l = 1 ... L
    ```

    Args:
        rate: That of the last layer.
        num_layers: L, the depth.

    Returns:
        L rates, first layer first.

    Raises:
        InputError: If the rate is outside [0, 1) or the depth not positive.

    Example:
        >>> drop_path_rates(0.2, 4)
        [0.05, 0.1, 0.15000000000000002, 0.2]

    Reference:
        Huang et al. 2016, arXiv:1603.09382, equation 4.
    """
    checks.rate(rate=rate)
    checks.positive(num_layers=num_layers)
    return [rate * layer / num_layers for layer in range(1, num_layers + 1)]
