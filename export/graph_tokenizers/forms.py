"""Which graph forms each kind of tokenizer has."""

import dataclasses
from collections.abc import Callable

from kzoo.errors import InputError
from kzoo.export.graph_tokenizers.character_tables import character_limitations
from kzoo.export.graph_tokenizers.graph_vocabulary import limitations
from kzoo.export.graph_tokenizers.onnx_byte_bpe import (
    onnx_byte_bpe,
    onnx_byte_bpe_limitations,
)
from kzoo.export.graph_tokenizers.onnx_byte_decoding import onnx_byte_bpe_decoder
from kzoo.export.graph_tokenizers.onnx_character import onnx_character
from kzoo.export.graph_tokenizers.onnx_sentencepiece import onnx_sentencepiece
from kzoo.export.graph_tokenizers.onnx_sentencepiece_decoding import (
    onnx_sentencepiece_decoder,
)
from kzoo.export.graph_tokenizers.onnx_wordpiece import onnx_wordpiece
from kzoo.export.graph_tokenizers.sentencepiece_tables import (
    sentencepiece_limitations,
)
from kzoo.export.graph_tokenizers.tensorflow_byte_bpe import TensorFlowByteBPE
from kzoo.export.graph_tokenizers.tensorflow_character import TensorFlowCharacter
from kzoo.export.graph_tokenizers.tensorflow_sentencepiece import (
    TensorFlowSentencePiece,
)
from kzoo.export.graph_tokenizers.tensorflow_wordpiece import TensorFlowWordPiece
from kzoo.tokenizers import (
    ByteBPETokenizer,
    CharacterTokenizer,
    SentencePieceTokenizer,
    TranslationTokenizer,
    WordPieceTokenizer,
)


@dataclasses.dataclass(frozen=True)
class GraphForms:
    """What makes the graphs of one kind of tokenizer.

    Args:
        tensorflow: `(tokenizer, max_length)` to a `tf.Module` of texts to ids; those
            that can have a method `decode` of ids to texts.
        onnx: `(tokenizer, max_length, *, opset, ir_version)` to an
            `onnx.ModelProto`.
        limitations: `(tokenizer)` to sentences: for which texts the ids may differ.
        onnx_decoder: `(tokenizer, *, opset, ir_version)` to an `onnx.ModelProto` of
            `ids` to `text`; None where there is no way back.
    """

    tensorflow: Callable
    onnx: Callable
    limitations: Callable[..., tuple[str, ...]]
    onnx_decoder: Callable | None = None


_SENTENCEPIECE = GraphForms(
    TensorFlowSentencePiece,
    onnx_sentencepiece,
    sentencepiece_limitations,
    onnx_sentencepiece_decoder,
)
_FORMS = {
    ByteBPETokenizer: GraphForms(
        TensorFlowByteBPE,
        onnx_byte_bpe,
        onnx_byte_bpe_limitations,
        onnx_byte_bpe_decoder,
    ),
    CharacterTokenizer: GraphForms(
        TensorFlowCharacter,
        onnx_character,
        character_limitations,
        onnx_byte_bpe_decoder,
    ),
    # Texts of the source to ids, and ids of the target to texts.
    TranslationTokenizer: _SENTENCEPIECE,
    SentencePieceTokenizer: _SENTENCEPIECE,
    WordPieceTokenizer: GraphForms(TensorFlowWordPiece, onnx_wordpiece, limitations),
}


def has_graph_forms(tokenizer) -> bool:
    """Return whether a tokenizer, which may be None, has graph forms."""
    return type(tokenizer) in _FORMS


def graph_forms(tokenizer) -> GraphForms:
    """Return what makes the graphs of a tokenizer.

    Args:
        tokenizer: A tokenizer of `kzoo.tokenizers`.

    Returns:
        The forms of its kind.

    Raises:
        InputError: Its kind has none.

    Example:
        >>> from kzoo.tokenizers import CharacterTokenizer
        >>> has_graph_forms(CharacterTokenizer(["a", "b"])), has_graph_forms(None)
        (True, False)
    """
    if not has_graph_forms(tokenizer):
        raise InputError(
            "A text form needs a tokenizer that can be put into a graph.",
            f"tokenizer={tokenizer!r}",
            f"Known: {', '.join(kind.__name__ for kind in _FORMS)}.",
        )
    return _FORMS[type(tokenizer)]
