"""Which tokenizers a causal model's artefacts can have inside: to ids and back."""

from collections.abc import Callable
from typing import NamedTuple

from kzoo.export.graph_tokenizers import graph_forms, onnx_byte_bpe_decoder
from kzoo.tokenizers import ByteBPETokenizer

# Tokenizer -> the ONNX graph of its way back; the TensorFlow one is a method.
_DECODERS = {ByteBPETokenizer: onnx_byte_bpe_decoder}


class TokenizerForms(NamedTuple):
    """One kind of tokenizer inside graphs.

    Args:
        tensorflow: Function of the tokenizer and `max_length` to a `tf.Module` with
            `__call__(text)` and `decode(token_ids)`.
        onnx: Function of the tokenizer and `max_length` to an `onnx.ModelProto` of
            `text` to `input_ids`, `attention_mask`.
        onnx_decoder: Function of the tokenizer to one of `ids` to `text`.
        limitations: Function of the tokenizer to sentences.
    """

    tensorflow: Callable
    onnx: Callable
    onnx_decoder: Callable
    limitations: Callable


def tokenizer_forms(tokenizer) -> TokenizerForms | None:
    """Return the forms of a tokenizer; None where it has none, or is None."""
    if type(tokenizer) not in _DECODERS:
        return None
    forms = graph_forms(tokenizer)
    decoder = _DECODERS[type(tokenizer)]
    return TokenizerForms(forms.tensorflow, forms.onnx, decoder, forms.limitations)
