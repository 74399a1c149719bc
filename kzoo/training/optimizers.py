"""AdamW and Muon as Transformers are trained with."""

import keras

# Weight decay shrinks what multiplies; shifts and scales of norms stay out of it.
_NOT_DECAYED = ("beta", "bias", "gamma")

# Tables, and heads that are no table: what Muon leaves to AdamW.
_BY_ADAM = ("embeddings", "^[^/]+/(output_projection|classifier)/")


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
        >>> type(adamw(1e-3)).__name__
        'AdamW'

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


def muon(
    learning_rate=1e-2,
    *,
    weight_decay: float = 0.01,
    momentum: float = 0.95,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
    epsilon: float = 1e-8,
    clip_norm: float | None = 1.0,
    not_decayed: tuple[str, ...] = (),
    by_adam: tuple[str, ...] = _BY_ADAM,
    **kwargs,
) -> keras.optimizers.Muon:
    """Return Muon for the matrices of blocks, with AdamW for all other weights.

    ```
    m = momentum * m + g
    W = W - learning_rate * 0.2 * sqrt(max(W.shape)) * orthogonal(g + momentum * m)
    ```

    `orthogonal` sets all singular values to about one, by five iterations of Newton
    and Schulz. The factor makes an update as large as one of AdamW, so that both
    parts have one learning rate and one weight decay.

    A step costs more than AdamW's by about 20 products of each matrix with its square:
    little beside the gradients of thousands of tokens, half as much as those of a
    thousand.

    Args:
        learning_rate: A number or a schedule; several times what AdamW alone bears.
        weight_decay: The share of each weight taken off per unit of learning rate;
            norms and biases are left out.
        momentum: Of the matrices' gradients, Nesterov's.
        beta_1: Decay of the gradient's mean, of AdamW's weights.
        beta_2: Decay of the squared gradient's mean, of AdamW's weights.
        epsilon: Added to the root, of AdamW's weights.
        clip_norm: The greatest norm of all gradients together; None to not clip.
        not_decayed: Parts of further weights' paths to keep decay off.
        by_adam: Patterns of paths of matrices that are AdamW's: by default tables, and
            heads that kzoo's models have on top.
        **kwargs: Anything else that `keras.optimizers.Muon` takes.

    Returns:
        The optimizer.

    Example:
        >>> type(muon(1e-2)).__name__
        'Muon'

    Reference:
        Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks";
        Liu et al. 2025, arXiv:2502.16982, section 2.2, for the factor.
    """
    optimizer = keras.optimizers.Muon(
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        momentum=momentum,
        adam_beta_1=beta_1,
        adam_beta_2=beta_2,
        epsilon=epsilon,
        global_clipnorm=clip_norm,
        exclude_layers=list(by_adam),
        **kwargs,
    )
    optimizer.exclude_from_weight_decay(var_names=[*_NOT_DECAYED, *not_decayed])
    return optimizer
