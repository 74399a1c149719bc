"""Running the graph forms of SentencePiece; `graph_forms` has the rest."""

import numpy as np
from test_tokenizers import graph_forms as forms

from kzoo.export.graph_tokenizers import (
    TensorFlowSentencePiece,
    onnx_sentencepiece,
    onnx_sentencepiece_decoder,
)


def tensorflow_ids(tokenizer, texts, max_length=None):
    return forms.tensorflow_rows(TensorFlowSentencePiece(tokenizer, max_length), texts)


def onnx_ids(tokenizer, texts, max_length=None):
    return forms.onnx_rows(onnx_sentencepiece(tokenizer, max_length), texts)


def assert_both(tokenizer, texts, ties=0):
    """Compare both forms with the host.

    Args:
        tokenizer: The tokenizer.
        texts: The texts.
        ties: How many texts may be cut otherwise, if that is as probable.
    """
    source = getattr(tokenizer, "source", tokenizer)
    expected = forms.host_rows(source, texts, None)
    for rows in (tensorflow_ids(tokenizer, texts), onnx_ids(tokenizer, texts)):
        wrong = [n for n, row in enumerate(rows) if row != expected[n]]
        tied = [n for n in wrong if is_tie(rows[n], expected[n])][:ties]
        for number in tied:
            rows[number] = expected[number]
        forms.assert_same_rows(texts, rows, expected)


def is_tie(row, other):
    """Return whether two cuts are of the same tokens, in another order."""
    return sorted(row) == sorted(other)


def padded(rows, dtype):
    array = np.full((len(rows), max([1, *map(len, rows)])), -1, dtype)
    for row, ids in zip(array, rows, strict=True):
        row[: len(ids)] = ids
    return array


def tensorflow_texts(tokenizer, rows):
    import tensorflow as tf

    decode = tf.function(
        TensorFlowSentencePiece(tokenizer, None).decode,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )
    texts = decode(tf.constant(padded(rows, "int32"))).numpy()
    return [text.decode() for text in texts]


def onnx_texts(tokenizer, rows):
    import onnxruntime  # and no operator of an extension

    model = onnx_sentencepiece_decoder(tokenizer)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"ids": padded(rows, "int64")})[0].tolist()
