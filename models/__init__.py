"""The model families, their presets, and their checkpoints in and out.

A family, and Keras with it, is loaded when it is first asked for.
"""

import importlib

_HOMES = {
    "Classification": "classification",
    "GPT2CausalLM": "gpt2_causal_lm",
    "TextClassifier": "text_classifier",
    "Translator": "translator",
    "layout_map": "layout_maps",
    "list_presets": "presets",
}

__all__ = [
    "Classification",
    "GPT2CausalLM",
    "TextClassifier",
    "Translator",
    "layout_map",
    "list_presets",
]


def __getattr__(name: str):
    if name in _HOMES:
        home = importlib.import_module(f"kzoo.models.{_HOMES[name]}")
        return getattr(home, name)
    raise AttributeError(f"module 'kzoo.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
