"""The heads of attention: taken apart, put together, shared."""

from keras import ops


def split_heads(x, key_dim: int):
    """Return (B, T, N H) as (B, T, N, H), H = `key_dim`."""
    heads = x.shape[-1] // key_dim
    return ops.reshape(x, (*ops.shape(x)[:2], heads, key_dim))


def join_heads(x):
    """Return (B, T, N, H) as (B, T, N H)."""
    return ops.reshape(x, (*ops.shape(x)[:2], x.shape[2] * x.shape[3]))


def for_each_query_head(x, num_heads: int):
    """Repeat key or value heads, (B, S, K, H), for the queries: (B, S, N, H)."""
    groups = num_heads // x.shape[2]
    return x if groups == 1 else ops.repeat(x, groups, axis=2)
