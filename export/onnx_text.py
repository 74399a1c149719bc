"""A classifier's text form in ONNX: tokenizer, model, scores and label in one graph."""

import numpy as np

# The first version whose string operators let every text through.
TEXT_OPSET = 20

_IDS = ("input_ids", "attention_mask")


def raised(model):
    """Return a graph of standard operators at the opset of the text form."""
    from onnx import version_converter

    return version_converter.convert_version(model, TEXT_OPSET)


def with_tokenizer(subject, model):
    """Return the graph of texts (B,) to `label` (B,) and `scores` (B, classes).

    Args:
        subject: A `ClassifierSubject` whose model has a tokenizer.
        model: Its tensor form, `input_ids`, `attention_mask` -> `logits`, as an
            `onnx.ModelProto` at the opset of the text form, of any precision.

    Returns:
        An `onnx.ModelProto` that needs onnxruntime-extensions.
    """
    from onnx import TensorProto, compose, helper

    from kzoo.export.graph_tokenizers import graph_forms

    host = subject.model
    tokenizer = graph_forms(host.tokenizer).onnx(
        host.tokenizer,
        host.max_sequence_length,
        opset=TEXT_OPSET,
        ir_version=model.ir_version,
    )
    _let_empty_batches_through(tokenizer)
    model = compose.add_prefix(model, "model/")
    joined = compose.merge_models(
        tokenizer, model, io_map=[(name, f"model/{name}") for name in _IDS]
    )
    graph = joined.graph
    names = [name.encode() for name in subject.label_names]
    graph.initializer.append(
        helper.make_tensor("label_names", TensorProto.STRING, [len(names)], names)
    )
    logits = "model/logits"
    graph.node.extend(
        [
            helper.make_node("Softmax", [logits], ["scores"], axis=-1),
            helper.make_node("ArgMax", [logits], ["best"], axis=-1, keepdims=0),
            helper.make_node("Gather", ["label_names", "best"], ["label"]),
        ]
    )
    kinds = {"string": TensorProto.STRING, "float32": TensorProto.FLOAT}
    signature = subject.text_signature()
    del graph.output[:]
    graph.output.extend(
        helper.make_tensor_value_info(spec.name, kinds[spec.dtype], spec.axes)
        for spec in signature.outputs
    )
    del graph.value_info[:]
    graph.name = signature.name
    joined.producer_name = "kzoo"
    return joined


def _let_empty_batches_through(tokenizer):
    """Tokenise one text more than given: ONNX Runtime crashes on splitting none."""
    from onnx import helper, numpy_helper

    graph = tokenizer.graph
    for node in graph.node:
        node.input[:] = ["text_and_one" if x == "text" else x for x in node.input]
        node.output[:] = [f"{x}_and_one" if x in _IDS else x for x in node.output]
    constants = {
        "one_text": np.array([b""], dtype=object),
        "first_row": np.array([0], "int64"),
        "last_row": np.array([-1], "int64"),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(value, name))
    join = helper.make_node("Concat", ["text", "one_text"], ["text_and_one"], axis=0)
    graph.node.insert(0, join)
    for name in _IDS:
        inputs = [f"{name}_and_one", "first_row", "last_row", "first_row"]
        graph.node.append(helper.make_node("Slice", inputs, [name]))
