"""Ids of SentencePiece back to text inside an ONNX graph, by ONNX's own operators."""

from kzoo.export.graph_tokenizers.onnx_byte_bpe import LEAST_OPSET
from kzoo.export.graph_tokenizers.onnx_byte_decoding import spelling_model
from kzoo.export.graph_tokenizers.sentencepiece_spelling import spelt_tokens
from kzoo.export.graph_tokenizers.sentencepiece_tables import sides


def onnx_sentencepiece_decoder(
    tokenizer,
    *,
    opset: int = LEAST_OPSET,
    ir_version: int = 9,
    prefix: str = "sentencepiece_decoder/",
):
    """Return an ONNX model that turns ids into the texts that the host decodes.

    Input `ids`, int64 `(batch, sequence)`, of the target language; output `text`,
    string `(batch,)`. Special tokens, and what is no token's id, spell nothing; each
    byte that is not UTF-8 becomes U+FFFD. No operator of onnxruntime-extensions is in
    it.

    Args:
        tokenizer: A `TranslationTokenizer` or `SentencePieceTokenizer`.
        opset: The version of ONNX's own operators, 20 or more.
        ir_version: The version of the file format.
        prefix: What all names inside begin with.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        InputError: An `opset` that is too low.
    """
    _, target = sides(tokenizer)
    spelt, _ = spelt_tokens(target)
    return spelling_model(
        spelt,
        each_byte=True,
        strip=True,
        opset=opset,
        ir_version=ir_version,
        prefix=prefix,
    )
