"""Tokenizers inside exported graphs, with the ids of those on the host."""

from kzoo.export.graph_tokenizers.onnx_wordpiece import (
    onnx_limitations,
    onnx_wordpiece,
)
from kzoo.export.graph_tokenizers.tensorflow_wordpiece import TensorFlowWordPiece

__all__ = ["TensorFlowWordPiece", "onnx_limitations", "onnx_wordpiece"]
