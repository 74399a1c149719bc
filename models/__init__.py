"""The model families, their presets, and their checkpoints in and out."""

from kzoo.models.classification import Classification
from kzoo.models.presets import list_presets
from kzoo.models.text_classifier import TextClassifier

__all__ = ["Classification", "TextClassifier", "list_presets"]
