"""AdamW as Transformers are trained with."""

import keras

# Weight decay shrinks what multiplies; shifts and scales of norms stay out of it.
_NOT_DECAYED = ("beta", "bias", "gamma")


def adamw(
    learning_rate=5e-5,
    *,
    weight_decay: float = 0.01,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    clip_norm: float | None = 1.0,
    not_decayed: tuple[str, ...] = (),
    **kwargs,
) -> keras.optimizers.AdamW:
    """Return AdamW with weight decay kept off norms and biases.

    Args:
        learning_rate: A number or a schedule.
        weight_decay: The share of each weight taken off per unit of learning rate.
        beta_1: Decay of the gradient's mean.
        beta_2: Decay of the squared gradient's mean.
        epsilon: Added to the root, outside it.
        clip_norm: The greatest norm of all gradients together; None to not clip.
        not_decayed: Parts of further weights' paths to keep off, such as
            `"embeddings"`.
        **kwargs: Anything else that `keras.optimizers.AdamW` takes.

    Returns:
        The optimizer.

    Example:
        >>> adamw(1e-3).name
        'adamw'

    Reference:
        Loshchilov and Hutter 2017, arXiv:1711.05101; Devlin et al. 2018, appendix
        A.2, for what is kept off.
    """
    optimizer = keras.optimizers.AdamW(
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        global_clipnorm=clip_norm,
        **kwargs,
    )
    optimizer.exclude_from_weight_decay(var_names=[*_NOT_DECAYED, *not_decayed])
    return optimizer
