"""Kernels that torch has ready-made: this file, for one, knows a backend."""


def layer_normalization(x, gamma, beta, epsilon: float):
    """Return `kernels.layer_normalization` by torch's own, in float32."""
    from torch.nn import functional

    width = x.shape[-1:]
    # Where a variable is passed in, its value is what torch takes.
    gamma, beta = (getattr(part, "value", part) for part in (gamma, beta))
    y = functional.layer_norm(x.float(), width, gamma, beta, epsilon)
    return y.to(x.dtype)
