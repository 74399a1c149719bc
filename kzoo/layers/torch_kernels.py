"""Kernels that torch has ready-made: this file, for one, knows a backend."""

import functools


def has_fused_attention() -> bool:
    """Return whether attention is one operation: always."""
    return True


def layer_normalization(x, gamma, beta, epsilon: float):
    """Return `kernels.layer_normalization` by torch's own, in float32."""
    from torch.nn import functional

    width = x.shape[-1:]
    # Where a variable is passed in, its value is what torch takes.
    gamma, beta = (getattr(part, "value", part) for part in (gamma, beta))
    y = functional.layer_norm(x.float(), width, gamma, beta, epsilon)
    return y.to(x.dtype)


def attention(query, key, value, mask, scale: float, is_causal: bool = False):
    """Return `kernels.attention` by torch's own, on the tensors as they lie."""
    import torch
    from torch.nn import functional

    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    if is_causal:
        mixed = functional.scaled_dot_product_attention(
            query, key, value, scale=scale, is_causal=True
        )
        return mixed.transpose(1, 2)
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


def product(x, weight, bias):
    """Return `kernels.product` with gradients of weight and bias in their own types."""
    return _wide_product().apply(x, weight, bias)


@functools.cache
def _wide_product():
    import torch

    class WideProduct(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            ctx.save_for_backward(x, weight)
            narrow = _aligned(weight.to(x.dtype))
            bias = None if bias is None else bias.to(x.dtype)
            if x.is_cuda and narrow.shape == weight.shape:  # in one kernel
                return torch.nn.functional.linear(x, narrow.t(), bias)
            y = torch.matmul(x, narrow)[..., : weight.shape[1]]
            return y if bias is None else y + bias

        @staticmethod
        def backward(ctx, upstream):
            x, weight = ctx.saved_tensors
            columns, dtype = weight.shape[1], weight.dtype
            of_x = of_weight = of_bias = None
            upstream = _aligned(upstream)
            flat, upstream_flat = (t.flatten(0, -2) for t in (x, upstream))
            if ctx.needs_input_grad[0]:
                narrow = _aligned(weight.to(x.dtype))
                of_x = torch.matmul(upstream, narrow.t())
            if ctx.needs_input_grad[1]:
                of_weight = _sum_of_products(flat, upstream_flat, dtype)
                of_weight = of_weight[:, :columns].contiguous()
            if ctx.needs_input_grad[2]:
                of_bias = upstream_flat.sum(0, dtype=dtype)[:columns]
            return of_x, of_weight, of_bias

    return WideProduct


def _aligned(matrix):
    """Return a matrix with columns of zeros, so that a GPU's fast kernels take it.

    They read 16 bytes at once, and 50,257 words do not lie on their borders.
    """
    from torch.nn import functional

    columns = matrix.shape[-1]
    if not _on_gpu(matrix) or columns < 1024 or columns % 8 == 0:
        return matrix
    return functional.pad(matrix, (0, -columns % 64))


def _on_gpu(matrix) -> bool:
    return matrix.is_cuda


def _sum_of_products(a, b, dtype):
    """Return a^T b, computed from the types of `a` and `b` and given in another."""
    import torch

    if a.is_cuda and torch.version.cuda and _has_out_dtype():
        return torch.mm(a.t(), b, out_dtype=dtype)
    return torch.mm(a.t().to(dtype), b.to(dtype))


@functools.cache
def _has_out_dtype():
    import torch

    return "out_dtype" in (torch.mm.__doc__ or "")
