"""Tokenizers inside exported graphs, with the ids of those on the host."""

from kzoo.export.graph_tokenizers.forms import (
    GraphForms,
    graph_forms,
    has_graph_forms,
)
from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    onnx_byte_bpe,
    onnx_byte_bpe_limitations,
)
from kzoo.export.graph_tokenizers.onnx_byte_decoding import onnx_byte_bpe_decoder
from kzoo.export.graph_tokenizers.onnx_character import onnx_character
from kzoo.export.graph_tokenizers.onnx_extensions import extensions_library
from kzoo.export.graph_tokenizers.onnx_sentencepiece import onnx_sentencepiece
from kzoo.export.graph_tokenizers.onnx_sentencepiece_decoding import (
    onnx_sentencepiece_decoder,
)
from kzoo.export.graph_tokenizers.onnx_wordpiece import (
    onnx_limitations,
    onnx_wordpiece,
)
from kzoo.export.graph_tokenizers.sentencepiece_tables import (
    sentencepiece_limitations,
)
from kzoo.export.graph_tokenizers.tensorflow_byte_bpe import TensorFlowByteBPE
from kzoo.export.graph_tokenizers.tensorflow_character import TensorFlowCharacter
from kzoo.export.graph_tokenizers.tensorflow_sentencepiece import (
    TensorFlowSentencePiece,
)
from kzoo.export.graph_tokenizers.tensorflow_wordpiece import TensorFlowWordPiece

__all__ = [
    "GraphForms",
    "TensorFlowByteBPE",
    "TensorFlowCharacter",
    "TensorFlowSentencePiece",
    "TensorFlowWordPiece",
    "extensions_library",
    "graph_forms",
    "has_graph_forms",
    "onnx_byte_bpe",
    "onnx_byte_bpe_decoder",
    "onnx_byte_bpe_limitations",
    "onnx_character",
    "onnx_limitations",
    "onnx_sentencepiece",
    "onnx_sentencepiece_decoder",
    "onnx_wordpiece",
    "sentencepiece_limitations",
]
