"""What a training step computes for a token."""

import math


def training_flops_per_token(model, sequence_length: float) -> float | None:
    r"""Return the floating-point operations of a training step, for each token.

    $$6 N + 12\, L\, H\, Q\, T$$

    of N weights that are multiplied by, L blocks with H heads of width Q, and T
    tokens in a row: two for each weight and product forwards, twice as many
    backwards. What rematerialisation computes again is not counted.

    Args:
        model: A `GPT2CausalLM` or `TextClassifier`.
        sequence_length: T, the tokens of a row.

    Returns:
        The number; None for a model that reads two sequences.

    Reference:
        Chowdhery et al. 2022, arXiv:2204.02311, appendix B.
    """
    blocks = getattr(model, "blocks", None)
    if blocks is None:
        return None
    # A table that is only looked up multiplies nothing; a tied one is the head too.
    looked_up = ["position"]
    if not model.arguments.get("tie_embeddings", False):
        looked_up.append("embedding")
    weights = sum(
        math.prod(weight.shape)
        for weight in model.weights
        if not any(part in weight.path for part in looked_up)
    )
    return 6.0 * weights + 12.0 * len(blocks) * model.hidden_dim * sequence_length
