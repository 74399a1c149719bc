"""The model families, their presets, and their checkpoints in and out.

A family, and Keras with it, is loaded when it is first asked for.
"""

from kzoo.lazy import lazily

_HOMES = {
    "Classification": "classification",
    "GPT2CausalLM": "gpt2_causal_lm",
    "TextClassifier": "text_classifier",
    "Translator": "translator",
    "layout_map": "layout_maps",
    "list_presets": "presets",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazily(__name__, _HOMES)
