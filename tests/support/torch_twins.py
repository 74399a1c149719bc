"""Torch's modules with a kzoo layer's weights, in float64."""

import torch

from support.arrays import weight


def linear(module, layer, name):
    """Copy a dense layer's weights into a torch linear module."""
    with torch.no_grad():
        module.weight.copy_(torch.tensor(weight(layer, f"{name}/kernel").T))
        module.bias.copy_(torch.tensor(weight(layer, f"{name}/bias")))


def norm(module, layer, name):
    """Copy a norm's weights into a torch norm."""
    with torch.no_grad():
        module.weight.copy_(torch.tensor(weight(layer, f"{name}/gamma")))
        module.bias.copy_(torch.tensor(weight(layer, f"{name}/beta")))


def attention(module, layer, prefix=""):
    """Copy an attention's weights into `torch.nn.MultiheadAttention`."""
    linear(module.out_proj, layer, f"{prefix}output_projection")
    fused = any("query_key_value" in v.path for v in layer.weights)
    names = ["query_key_value"] if fused else ["query", "key", "value"]
    kernels, biases = (
        [torch.tensor(weight(layer, f"{prefix}{name}/{kind}").T) for name in names]
        for kind in ("kernel", "bias")
    )
    with torch.no_grad():
        module.in_proj_bias.copy_(torch.cat(biases))
        if module.in_proj_weight is not None:  # query, key and value are as wide
            module.in_proj_weight.copy_(torch.cat(kernels))
            return
        for name, kernel in zip(names, kernels, strict=True):
            getattr(module, f"{name[0]}_proj_weight").copy_(kernel)


def forbidden(mask, num_heads):
    """Turn (B, T, S) True = attend into torch's (B N, T, S) True = not."""
    return torch.tensor(~mask).repeat_interleave(num_heads, dim=0)


def double(x):
    """Return a float64 tensor whose gradient is kept."""
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)
