"""How each preset is best trained: the settings that `kzoo train` starts from."""

from typing import Any

from kzoo.errors import unknown_name
from kzoo.models.presets import list_presets

_FROM_SCRATCH = {
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "warmup": 0.1,
    "decay": "linear",
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "label_smoothing": 0.0,
    "ema": None,
}

# What Devlin et al. 2018 and Sanh et al. 2019 fine-tune with.
FINE_TUNING: dict[str, Any] = {
    **_FROM_SCRATCH,
    "epochs": 3,
    "learning_rate": 3e-5,
}

_RECIPES: dict[str, dict[str, Any]] = {
    "encoder-tiny": {
        **_FROM_SCRATCH,
        "epochs": 10,
        "learning_rate": 2e-3,
        "decay": "cosine",
    },
    "encoder-small": {
        **_FROM_SCRATCH,
        "epochs": 2,
        "batch_size": 64,
        "learning_rate": 1e-4,
    },
    "distilbert-base": {**_FROM_SCRATCH, "learning_rate": 1e-4},
    "bert-base": {**_FROM_SCRATCH, "learning_rate": 1e-4},
    "bert-large": {**_FROM_SCRATCH, "learning_rate": 1e-4},
}


def recipe(preset: str | None) -> dict[str, Any]:
    """Return the recommended training settings.

    Args:
        preset: The preset that a training from scratch starts from, or None for the
            fine-tuning of trained weights.

    Returns:
        `epochs`, `batch_size`, `learning_rate`, `warmup` (a share of the steps),
        `decay`, `weight_decay`, `clip_norm`, `label_smoothing` and `ema` (momentum of
        the weight average, or None).

    Raises:
        InputError: If there is no such preset.

    Example:
        >>> recipe("encoder-tiny")["decay"]
        'linear'
    """
    if preset is None:
        return dict(FINE_TUNING)
    if preset not in _RECIPES:
        raise unknown_name("preset", preset, list_presets())
    return dict(_RECIPES[preset])
