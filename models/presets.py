"""The named sizes of each family: from them a model starts with random weights."""

from typing import Any

from kzoo.errors import unknown_name

_BERT = {
    "vocabulary_size": 30_522,
    "max_sequence_length": 512,
    "num_segments": 2,
    "pooler_activation": "tanh",
}

_MARIAN = {
    "norm_placement": "post",
    "positions": "sinusoidal_halves",
    "logits_bias": True,
    "initializer_range": 0.02,
}

_GPT2 = {"vocabulary_size": 50_257, "max_sequence_length": 1_024}

# Family -> preset -> (what it is, the constructor's arguments).
PRESETS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "TextClassifier": {
        "encoder-tiny": (
            "pre-LN encoder for tests and short sentences",
            {
                "vocabulary_size": 4_000,
                "hidden_dim": 64,
                "num_layers": 2,
                "num_heads": 4,
                "intermediate_dim": 128,
                "max_sequence_length": 128,
                "num_segments": 2,
                "norm_placement": "pre",
                "pooling": "mean",
                "dropout": 0.0,
                "attention_dropout": 0.0,
                "classifier_dropout": 0.0,
                "layer_norm_epsilon": 1e-6,
                "initializer_range": 0.1,
            },
        ),
        "encoder-small": (
            "pre-LN encoder with hashed n-grams, trained from scratch on reviews",
            {
                "vocabulary_size": 30_000,
                "hidden_dim": 64,
                "num_layers": 1,
                "num_heads": 4,
                "intermediate_dim": 128,
                "max_sequence_length": 1_024,
                "encoder_length": 256,
                "norm_placement": "pre",
                "pooling": "mean",
                "ngram_sizes": [1, 2, 3],
                "ngram_buckets": 2**21,
                "ngram_scale": 100.0,
                "layer_norm_epsilon": 1e-6,
                "initializer_range": 0.05,
            },
        ),
        "distilbert-base": (
            "DistilBERT, 6 layers of 768",
            {
                **_BERT,
                "hidden_dim": 768,
                "num_layers": 6,
                "num_heads": 12,
                "intermediate_dim": 3_072,
                "num_segments": 0,
                "pooler_activation": "relu",
                "classifier_dropout": 0.2,
            },
        ),
        "bert-base": (
            "BERT base, 12 layers of 768",
            {
                **_BERT,
                "hidden_dim": 768,
                "num_layers": 12,
                "num_heads": 12,
                "intermediate_dim": 3_072,
            },
        ),
        "roberta-base": (
            "RoBERTa base, 12 layers of 768",
            {
                "vocabulary_size": 50_265,
                "max_sequence_length": 512,
                "num_segments": 1,
                "position_padding_id": 1,
                "pooler_activation": "tanh",
                "hidden_dim": 768,
                "num_layers": 12,
                "num_heads": 12,
                "intermediate_dim": 3_072,
                "layer_norm_epsilon": 1e-5,
            },
        ),
        "bert-large": (
            "BERT large, 24 layers of 1024",
            {
                **_BERT,
                "hidden_dim": 1_024,
                "num_layers": 24,
                "num_heads": 16,
                "intermediate_dim": 4_096,
            },
        ),
    },
    "GPT2CausalLM": {
        "gpt2-tiny": (
            "two blocks of 64, for tests and short stories",
            {
                "vocabulary_size": 2_000,
                "hidden_dim": 64,
                "num_layers": 2,
                "num_heads": 4,
                "max_sequence_length": 128,
                "dropout": 0.0,
                "embedding_dropout": 0.0,
                "attention_dropout": 0.0,
            },
        ),
        "gpt2-nano": (
            "nanoGPT's character model for a CPU, 4 layers of 128, context 64",
            {
                "vocabulary_size": 65,
                "hidden_dim": 128,
                "num_layers": 4,
                "num_heads": 4,
                "max_sequence_length": 64,
                "dropout": 0.0,
                "embedding_dropout": 0.0,
                "attention_dropout": 0.0,
            },
        ),
        "gpt2-nano-gpu": (
            "nanoGPT's character model for a GPU, 6 layers of 384, context 256",
            {
                "vocabulary_size": 65,
                "hidden_dim": 384,
                "num_layers": 6,
                "num_heads": 6,
                "max_sequence_length": 256,
                "dropout": 0.2,
                "embedding_dropout": 0.2,
                "attention_dropout": 0.2,
            },
        ),
        "gpt2": (
            "GPT-2 small, 12 layers of 768 (124M)",
            {**_GPT2, "hidden_dim": 768, "num_layers": 12, "num_heads": 12},
        ),
        "gpt2-medium": (
            "GPT-2 medium, 24 layers of 1024 (355M)",
            {**_GPT2, "hidden_dim": 1_024, "num_layers": 24, "num_heads": 16},
        ),
        "gpt2-large": (
            "GPT-2 large, 36 layers of 1280 (774M)",
            {**_GPT2, "hidden_dim": 1_280, "num_layers": 36, "num_heads": 20},
        ),
        "gpt2-xl": (
            "GPT-2 XL, 48 layers of 1600 (1.56B)",
            {**_GPT2, "hidden_dim": 1_600, "num_layers": 48, "num_heads": 25},
        ),
    },
    "Translator": {
        "translator-tiny": (
            "two pre-LN blocks of 64 on each side, for tests and the demo",
            {
                "vocabulary_size": 1_000,
                "hidden_dim": 64,
                "num_layers": 2,
                "num_heads": 4,
                "max_sequence_length": 128,
                "dropout": 0.0,
            },
        ),
        "translator-small": (
            "pre-LN, 4 + 4 blocks of 256, for some ten thousand pairs (Multi30k)",
            {
                "vocabulary_size": 8_000,
                "hidden_dim": 256,
                "num_layers": 4,
                "num_heads": 4,
                "intermediate_dim": 512,
                "max_sequence_length": 256,
                "dropout": 0.3,
            },
        ),
        "transformer-base": (
            "the 2017 Transformer, 6 + 6 post-LN blocks of 512",
            {
                "vocabulary_size": 37_000,
                "hidden_dim": 512,
                "num_layers": 6,
                "num_heads": 8,
                "max_sequence_length": 512,
                "norm_placement": "post",
            },
        ),
        "transformer-big": (
            "the 2017 Transformer, 6 + 6 post-LN blocks of 1024",
            {
                "vocabulary_size": 37_000,
                "hidden_dim": 1_024,
                "num_layers": 6,
                "num_heads": 16,
                "max_sequence_length": 512,
                "norm_placement": "post",
                "dropout": 0.3,
            },
        ),
        "marian-base": (
            "OPUS-MT, 6 + 6 blocks of 512",
            {
                **_MARIAN,
                "vocabulary_size": 58_101,
                "hidden_dim": 512,
                "num_layers": 6,
                "num_heads": 8,
                "max_sequence_length": 512,
                "activation": "silu",
            },
        ),
        "marian-big": (
            "OPUS-MT tc-big, 6 + 6 blocks of 1024",
            {
                **_MARIAN,
                "vocabulary_size": 58_101,
                "hidden_dim": 1_024,
                "num_layers": 6,
                "num_heads": 16,
                "max_sequence_length": 1_024,
                "activation": "relu",
            },
        ),
    },
}


def list_presets(family: str | None = None) -> dict[str, str]:
    """Return every preset's name and what it is.

    Args:
        family: Only those of one model class, such as `"TextClassifier"`.

    Returns:
        Name -> description.

    Raises:
        InputError: If there is no such family.

    Example:
        >>> "bert-base" in list_presets()
        True
    """
    if family is not None and family not in PRESETS:
        raise unknown_name("family", family, PRESETS)
    return {
        name: description
        for known, presets in PRESETS.items()
        if family in (None, known)
        for name, (description, _) in presets.items()
    }


def preset_config(family: str, name: str) -> dict[str, Any]:
    """Return the constructor's arguments of a preset.

    Raises:
        InputError: If the family has no such preset.
    """
    presets = PRESETS[family]
    if name not in presets:
        raise unknown_name("preset", name, presets)
    return dict(presets[name][1])
