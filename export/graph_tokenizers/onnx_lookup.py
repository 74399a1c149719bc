"""Words to ids inside an ONNX graph."""

import json

import numpy as np

from kzoo.export.graph_tokenizers.graph_vocabulary import GraphVocabulary
from kzoo.export.graph_tokenizers.onnx_graph_writer import CUSTOM, OnnxGraphWriter


def look_up(
    graph: OnnxGraphWriter, words: str, tokenizer, vocabulary: GraphVocabulary
) -> str:
    """Return the ids of all words, -1 behind those of each text.

    Args:
        graph: Where to add nodes.
        words: string `(words,)`.
        tokenizer: A `kzoo.tokenizers.WordPieceTokenizer`.
        vocabulary: What is looked up.

    Returns:
        The name of an int64 `(ids,)`.
    """
    found = [token for token in vocabulary.tokens if token != vocabulary.unknown]
    pieces, first, _, _ = graph.several(
        4,
        "WordpieceTokenizer",
        words,
        graph.constant(np.zeros(0, "int64")),
        domain=CUSTOM,
        vocab=json.dumps(dict.fromkeys(found, 0), ensure_ascii=False),
        suffix_indicator=tokenizer.continuing_prefix,
        unknown_token=vocabulary.unknown,
        max_input_chars_per_word=tokenizer.max_characters_per_word,
    )
    bad = len(vocabulary.tokens)
    ids = graph.op(
        "LabelEncoder",
        pieces,
        domain="ai.onnx.ml",
        keys_strings=found,
        values_int64s=[
            int(index)
            for token, index in zip(vocabulary.tokens, vocabulary.ids, strict=True)
            if token != vocabulary.unknown
        ],
        default_int64=bad,
    )
    # The operator gives the pieces that it found before it gave a word up, then the
    # unknown token. Of a word that ends so, that one alone is kept.
    is_bad = graph.op("Equal", ids, graph.constant(bad, "int64"))
    one, end = graph.axis(1), graph.axis(2**62)
    begins = graph.op("Slice", first, graph.axis(0), graph.axis(-1), graph.axis(0))
    last = graph.op("Sub", graph.op("Slice", first, one, end, graph.axis(0)), one)
    marks = graph.op("ConstantOfShape", graph.length(ids))
    ones = graph.op("Expand", graph.constant([1]), graph.op("Shape", begins))
    marks = graph.op("ScatterElements", graph.integers(marks), begins, ones, axis=0)
    word = graph.op("Sub", graph.op("CumSum", marks, 0), 1)
    given_up = graph.gather(graph.gather(is_bad, last), word)
    keep = graph.op("Or", graph.op("Not", given_up), is_bad)
    unknown = graph.constant(tokenizer.unknown_id, "int64")
    ids = graph.op("Where", is_bad, unknown, ids)
    return graph.op("Compress", ids, keep, axis=0)
