"""How each preset is best trained: the settings that `kzoo train` starts from."""

from typing import Any

from kzoo.errors import unknown_name
from kzoo.models.presets import list_presets

_FROM_SCRATCH = {
    "epochs": 4,
    "batch_size": 32,
    "optimizer": "adamw",
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

# GPT-3's optimizer, the step count of a small corpus.
_LANGUAGE_MODEL: dict[str, Any] = {
    **_FROM_SCRATCH,
    "epochs": 10,
    "learning_rate": 1e-3,
    "min_learning_rate": 1e-4,
    "warmup": 100,
    "decay": "cosine",
    "weight_decay": 0.1,
    "beta_2": 0.99,
    "accumulate": 1,
    "decay_embeddings": True,
    "tokenizer": "bpe",
}
_LARGE_LANGUAGE_MODEL: dict[str, Any] = {
    **_LANGUAGE_MODEL,
    "batch_size": 12,
    "learning_rate": 6e-4,
    "min_learning_rate": 6e-5,
    "warmup": 2_000,
    "beta_2": 0.95,
}
_LANGUAGE_MODEL_FINE_TUNING: dict[str, Any] = {
    **_LANGUAGE_MODEL,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 3e-5,
    "min_learning_rate": 0.0,
    "warmup": 0.1,
    "beta_2": 0.999,
}

# Vaswani et al. 2017, with batches for one device.
_TRANSLATOR: dict[str, Any] = {
    **_FROM_SCRATCH,
    "epochs": 20,
    "batch_size": 64,
    "batch_tokens": 4_096,
    "learning_rate": 1e-3,
    "min_learning_rate": 0.0,
    "warmup": 4_000,
    "decay": "inverse-sqrt",
    "weight_decay": 0.0,
    "beta_2": 0.98,
    "accumulate": 1,
    "label_smoothing": 0.1,
    "decay_embeddings": True,
    "tokenizer": "unigram",
    "joint": True,
    "byte_fallback": False,
    "normalization": "nmt_nfkc",
    "long_pairs": "drop",
    "average_last": None,
    "monitor": "val_bleu",
    "validation_size": 1_000,
    "validation_beams": 4,
}
_TRANSLATOR_FINE_TUNING: dict[str, Any] = {
    **_TRANSLATOR,
    "epochs": 3,
    "batch_tokens": 2_048,
    "learning_rate": 3e-5,
    "warmup": 0.1,
    "decay": "linear",
    "beta_2": 0.999,
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
    "roberta-base": {**_FROM_SCRATCH, "learning_rate": 1e-4},
    "gpt2-tiny": {
        **_LANGUAGE_MODEL,
        "epochs": 6,
        "learning_rate": 3e-3,
        "min_learning_rate": 3e-4,
    },
    # Better at each number of steps than nanoGPT's own settings for tiny Shakespeare.
    "gpt2-nano": {
        **_LANGUAGE_MODEL,
        "steps": 2_000,
        "batch_size": 12,
        "epoch_steps": 250,
        "optimizer": "muon",
        "learning_rate": 1e-2,
        "min_learning_rate": 0.0,
        "warmup": 50,
        "decay": "linear",
        "weight_decay": 0.0,
        "tokenizer": "characters",
    },
    "gpt2-nano-gpu": {
        **_LANGUAGE_MODEL,
        "steps": 5_000,
        "batch_size": 64,
        "epoch_steps": 250,
        "tokenizer": "characters",
    },
    "gpt2": _LARGE_LANGUAGE_MODEL,
    "gpt2-medium": {**_LARGE_LANGUAGE_MODEL, "learning_rate": 3e-4},
    "gpt2-large": {**_LARGE_LANGUAGE_MODEL, "learning_rate": 2.5e-4},
    "gpt2-xl": {**_LARGE_LANGUAGE_MODEL, "learning_rate": 2e-4},
    "translator-tiny": {
        **_TRANSLATOR,
        "epochs": 4,
        "batch_tokens": 1_024,
        "learning_rate": 3e-3,
        "warmup": 100,
        "decay": "linear",
    },
    "translator-small": {
        **_TRANSLATOR,
        "epochs": 25,
        "batch_tokens": 2_048,
        "learning_rate": 1e-3,
        "warmup": 1_000,
        "average_last": 5,
    },
    "transformer-base": {**_TRANSLATOR, "learning_rate": 7e-4},
    "transformer-big": {**_TRANSLATOR, "learning_rate": 5e-4},
    "marian-base": {**_TRANSLATOR, "learning_rate": 3e-4, "warmup": 8_000},
    "marian-big": {**_TRANSLATOR, "learning_rate": 2e-4, "warmup": 8_000},
}

_FINE_TUNING_OF = {
    "TextClassifier": FINE_TUNING,
    "GPT2CausalLM": _LANGUAGE_MODEL_FINE_TUNING,
    "Translator": _TRANSLATOR_FINE_TUNING,
}


def recipe(preset: str | None, family: str = "TextClassifier") -> dict[str, Any]:
    """Return the recommended training settings.

    Args:
        preset: The preset that a training from scratch starts from, or None for the
            fine-tuning of trained weights.
        family: The model class that is fine-tuned.

    Returns:
        `epochs` (or `steps` of it), `batch_size`, `optimizer`, `learning_rate`,
        `warmup` (steps, below 1 a share of them), `decay`, `weight_decay`, `clip_norm`,
        `label_smoothing` and `ema` (momentum of the weight average, or None). For a
        language model also `min_learning_rate`, `beta_2`, `accumulate`,
        `epoch_steps`, `decay_embeddings` and `tokenizer` (the kind that is trained);
        for a translator these, `batch_tokens`, and how it is tokenised and measured.

    Raises:
        InputError: If there is no such preset.

    Example:
        >>> recipe("encoder-tiny")["decay"]
        'cosine'
    """
    if preset is None:
        return dict(_FINE_TUNING_OF[family])
    if preset not in _RECIPES:
        raise unknown_name("preset", preset, list_presets())
    return dict(_RECIPES[preset])
