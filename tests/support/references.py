"""The layers in NumPy, float64, written from the papers and not from kzoo."""

import math

import numpy as np

erf = np.vectorize(math.erf)


def layer_normalization(x, gamma, beta, epsilon):
    x = x.astype("float64")
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def gelu(x):
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attention(query, key, value, num_heads, mask=None):
    """Attend with projected inputs (B, T, N H); one query and head at a time.

    Args:
        query, key, value: (B, T, N H), (B, S, N H), (B, S, N H).
        num_heads: N.
        mask: (B, T, S) bool or (B, N, T, S) bool, True = attend, or None.

    Returns:
        The mixed values (B, T, N H) and the scores (B, N, T, S).
    """
    batch, length, width = query.shape
    size = width // num_heads
    scores = np.zeros((batch, num_heads, length, key.shape[1]))
    output = np.zeros((batch, length, width))
    for b in range(batch):
        for n in range(num_heads):
            part = slice(n * size, (n + 1) * size)
            for t in range(length):
                logits = key[b, :, part] @ query[b, t, part] / math.sqrt(size)
                allowed = np.ones(len(logits), bool)
                if mask is not None:
                    allowed = mask[b, n, t] if mask.ndim == 4 else mask[b, t]
                if not allowed.any():  # nothing to attend to: all alike
                    logits, allowed = np.zeros_like(logits), ~allowed
                weight = np.where(allowed, np.exp(logits - logits[allowed].max()), 0)
                scores[b, n, t] = weight / weight.sum()
                output[b, t, part] = scores[b, n, t] @ value[b, :, part]
    return output, scores


def sine_positions(length, width, max_wavelength):
    table = np.zeros((length, width))
    for t in range(length):
        for i in range(width // 2):
            angle = t / max_wavelength ** (2 * i / width)
            table[t, 2 * i : 2 * i + 2] = math.sin(angle), math.cos(angle)
    return table


def ngram_bucket(ids, num_buckets):
    """Hash the ids of one n-gram with Python's whole numbers of any size."""
    found = 0
    for token_id in ids:
        found = (found * 1021 + int(token_id)) % num_buckets
    return found
