"""Running the graph tokenizers, for the tests that compare them with the host."""

import numpy as np

CONFIGURATIONS = [
    {"lowercase": True},
    {"lowercase": False},
    {"lowercase": True, "strip_accents": False, "split_chinese_characters": False},
    {"lowercase": False, "strip_accents": True, "split_chinese_characters": False},
    {"lowercase": True, "clean_text": False},
    {"lowercase": False, "clean_text": False},
]


def name_of(options: dict) -> str:
    return ",".join(f"{key}={value}" for key, value in options.items())


def session(model):
    import onnxruntime

    from kzoo.export.graph_tokenizers import extensions_library

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions_library())
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def string_array(texts):
    """Return texts as ONNX Runtime takes them: it reads bytes up to a NUL."""
    if all(isinstance(text, str) for text in texts):
        return np.array(texts, object)
    texts = [text.encode() if isinstance(text, str) else text for text in texts]
    return np.array(texts, f"S{max(map(len, texts)) + 1}")


def rows_of(ids, mask):
    return [
        row[keep].tolist() for row, keep in zip(ids, mask.astype(bool), strict=True)
    ]


def in_batches(run, texts, size=256):
    rows = []
    for start in range(0, len(texts), size):
        rows += run(texts[start : start + size])
    return rows


def onnx_rows(model, texts):
    runner = session(model)
    return in_batches(
        lambda batch: rows_of(*runner.run(None, {"text": string_array(batch)})), texts
    )


def tensorflow_rows(module, texts):
    import tensorflow as tf

    encode = tf.function(
        module.__call__, input_signature=[tf.TensorSpec([None], tf.string)]
    )

    def run(batch):
        result = encode(tf.constant(batch))
        return rows_of(result["token_ids"].numpy(), result["padding_mask"].numpy())

    return in_batches(run, texts)


def host_rows(tokenizer, texts, max_length):
    return [row.tolist() for row in tokenizer.encode_batch(texts, max_length).ids]


def assert_same_rows(texts, rows, expected):
    wrong = [
        f"{ascii(text)[:150]}: {row[:20]}, not {right[:20]}"
        for text, row, right in zip(texts, rows, expected, strict=True)
        if row != right
    ]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ\n" + "\n".join(wrong[:5])
    longest = max(map(len, expected))
    assert longest > 2, "nothing but special tokens was compared"


def host_words(tokenizer, texts):
    """Return the words that the Rust normalizer and splitter give."""
    normalize = tokenizer.backend.normalizer.normalize_str
    split = tokenizer.backend.pre_tokenizer.pre_tokenize_str
    return [[word for word, _ in split(normalize(text))] for text in texts]


def split_rows(words, row_end):
    rows = [[]]
    for word in words:
        if word == row_end:
            rows.append([])
        else:
            rows[-1].append(word)
    return rows[:-1]


def tensorflow_words(tokenizer):
    """Return a function from texts to their words in the TensorFlow graph."""
    import tensorflow as tf

    from kzoo.export.graph_tokenizers.graph_vocabulary import graph_vocabulary
    from kzoo.export.graph_tokenizers.normalisation_tables import normalisation_tables
    from kzoo.export.graph_tokenizers.tensorflow_words import TensorFlowWords

    tables = normalisation_tables(tokenizer)
    vocabulary = graph_vocabulary(tokenizer, tables)
    run = tf.function(
        TensorFlowWords(tables, vocabulary).__call__,
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    return lambda texts: split_rows(
        [word.decode() for word in run(tf.constant(texts)).numpy()], vocabulary.row_end
    )


def onnx_words(tokenizer):
    """Return a function from texts to their words in the ONNX graph."""
    from onnx import TensorProto, helper

    from kzoo.export.graph_tokenizers.graph_vocabulary import graph_vocabulary
    from kzoo.export.graph_tokenizers.normalisation_tables import normalisation_tables
    from kzoo.export.graph_tokenizers.onnx_bytes import (
        nul_stand_in,
        text_bytes,
        without_nul,
    )
    from kzoo.export.graph_tokenizers.onnx_graph_writer import OnnxGraphWriter
    from kzoo.export.graph_tokenizers.onnx_words import OnnxWords

    tables = normalisation_tables(tokenizer)
    vocabulary = graph_vocabulary(tokenizer, tables)
    graph = OnnxGraphWriter("")
    text = without_nul(graph, "text", nul_stand_in(tokenizer, tables))
    words = OnnxWords(graph, tables, vocabulary).words(*text_bytes(graph, text))
    graph.name_output(words, "words")
    made = helper.make_graph(
        graph.nodes,
        "words",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        [helper.make_tensor_value_info("words", TensorProto.STRING, ["words"])],
        graph.constants,
    )
    versions = {"": 20, "ai.onnx.ml": 2, "ai.onnx.contrib": 1}
    runner = session(
        helper.make_model(
            made,
            opset_imports=[helper.make_opsetid(*item) for item in versions.items()],
            ir_version=9,
        )
    )
    return lambda texts: split_rows(
        runner.run(None, {"text": string_array(texts)})[0], vocabulary.row_end
    )
