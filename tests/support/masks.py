"""The masks that attention is tested with."""

import numpy as np

from support.layer_cases import B, S, T


def _padding(counts, left, length):
    index = np.arange(length)[::-1] if left else np.arange(length)
    return index < np.array(counts)[:, None]


def _arbitrary(seed, *shape):
    mask = np.random.default_rng(seed).random(shape) < 0.5
    mask[..., 0] = True  # every query sees something
    return mask


def attention_masks(length=T, source=S):
    """Return name to (the call's keyword arguments, the whole mask (B, T, S))."""
    right = _padding((source - 4, source), False, source)
    left = _padding((3, source - 1), True, source)
    arbitrary = _arbitrary(3, B, length, source)
    causal = np.tri(length, source, source - length, dtype=bool)[None]
    everything = np.ones((B, length, source), bool)
    nothing = everything.copy()
    nothing[1, 2] = False
    return {
        "none": ({}, everything),
        "right padding": ({"padding_mask": right}, everything & right[:, None]),
        "left padding": ({"padding_mask": left}, everything & left[:, None]),
        "padding as int32": (
            {"padding_mask": right.astype("int32")},
            everything & right[:, None],
        ),
        "causal": ({"use_causal_mask": True}, everything & causal),
        "arbitrary": ({"attention_mask": arbitrary}, arbitrary),
        "a row sees nothing": ({"attention_mask": nothing}, nothing),
        "a row is all padding": (
            {"padding_mask": np.stack([right[0], 0 * right[0] > 0])},
            everything & np.stack([right[0], 0 * right[0] > 0])[:, None],
        ),
        "all kinds at once": (
            {
                "padding_mask": right,
                "attention_mask": arbitrary,
                "use_causal_mask": True,
            },
            arbitrary & right[:, None] & causal,
        ),
    }


SELF_MASKS = attention_masks(T, T)
CROSS_MASKS = attention_masks(T, S)
