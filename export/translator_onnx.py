"""A translator's ONNX graphs: ids to ids, and text to text."""

from kzoo.export.loop_state import HEADS_FIRST
from kzoo.export.onnx_joining import joined, renamed
from kzoo.export.onnx_text import TEXT_OPSET

# The last one that the converter writes; see `causal_lm_onnx`.
GENERATE_OPSET = 18


def translating_ids(subject):
    """Return ids to new ids and scores as an `onnx.ModelProto`.

    Args:
        subject: A `TranslatorSubject`.
    """
    from kzoo.export.onnx_graph import convert

    def call(inputs):
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        return subject.translated(ids, mask, cache_axes=HEADS_FIRST)

    signature = subject.scored_signature()
    return convert(subject, signature, call=call, opset=GENERATE_OPSET)


def without_score(model):
    """Return the graph of `translating_ids`, changed, with the ids alone as output."""
    outputs = [value for value in model.graph.output if value.name != "score"]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model


def translating_texts(subject, model):
    """Return texts to translations and scores as an `onnx.ModelProto`.

    Args:
        subject: A `TranslatorSubject` whose tokenizer has graph forms.
        model: What `translating_ids` gave, of any precision; it is not changed.

    Returns:
        An `onnx.ModelProto` that needs onnxruntime-extensions.
    """
    tokenizer, forms = subject.model.tokenizer, subject.forms
    versions = {"opset": TEXT_OPSET, "ir_version": model.ir_version}
    encoder = forms.onnx(tokenizer, None, **versions)
    decoder = forms.onnx_decoder(tokenizer, **versions)
    renamed(decoder.graph, {"ids": "output_ids", "text": "translation"})
    parts = [encoder, model, decoder]
    return joined(parts, subject.text_signature(), TEXT_OPSET)
