"""Kernels that torch has ready-made: this file, for one, knows a backend."""


def layer_normalization(x, gamma, beta, epsilon: float):
    """Return `kernels.layer_normalization` by torch's own, in float32."""
    from torch.nn import functional

    width = x.shape[-1:]
    # Where a variable is passed in, its value is what torch takes.
    gamma, beta = (getattr(part, "value", part) for part in (gamma, beta))
    y = functional.layer_norm(x.float(), width, gamma, beta, epsilon)
    return y.to(x.dtype)


def attention(query, key, value, mask, scale: float):
    """Return `kernels.attention` by torch's own, on the tensors as they lie."""
    import torch
    from torch.nn import functional

    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    added = None
    if mask is not None:
        # Added to the scores: so large that nothing is left of them, and still finite.
        least = -0.7 * torch.finfo(query.dtype).max
        added = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, least)
    mixed = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=added, scale=scale
    )
    if mask is not None and query.dtype == torch.float16:
        # Its least number leaves something of scores, which torch adds up in float32.
        sees = mask.any(dim=-1, keepdim=True)
        mixed = torch.where(sees, mixed, value.mean(dim=2, keepdim=True))
    return mixed.transpose(1, 2)
