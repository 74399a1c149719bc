"""Running the graph forms of byte-level BPE; `graph_forms` has the rest."""

import numpy as np
from test_tokenizers import graph_forms as forms


def tensorflow_ids(tokenizer, texts, max_length=None):
    from kzoo.export.graph_tokenizers import TensorFlowByteBPE

    return forms.tensorflow_rows(TensorFlowByteBPE(tokenizer, max_length), texts)


def onnx_ids(tokenizer, texts, max_length=None):
    from kzoo.export.graph_tokenizers import onnx_byte_bpe

    return forms.onnx_rows(onnx_byte_bpe(tokenizer, max_length), texts)


def padded(rows, value, dtype):
    """Return rows as an array, at least one column wide."""
    array = np.full((len(rows), max([1, *map(len, rows)])), value, dtype)
    for row, ids in zip(array, rows, strict=True):
        row[: len(ids)] = ids
    return array


def tensorflow_texts(tokenizer, rows, skip=True):
    import tensorflow as tf

    from kzoo.export.graph_tokenizers import TensorFlowByteBPE

    module = TensorFlowByteBPE(tokenizer, None)
    decode = tf.function(
        lambda ids: module.decode(ids, skip),
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )
    ids = tf.constant(padded(rows, -1, "int32"))
    return [text.decode() for text in decode(ids).numpy()]


def onnx_texts(tokenizer, rows, skip=True):
    from kzoo.export.graph_tokenizers import onnx_byte_bpe_decoder

    model = onnx_byte_bpe_decoder(tokenizer, skip_special_tokens=skip)
    # No operator of an extension is needed.
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"ids": padded(rows, -1, "int64")})[0].tolist()
