"""A causal language model's generating ONNX graphs."""

from kzoo.export.generation_loop import generate, greedy, prompts_of
from kzoo.export.loop_state import HEADS_FIRST
from kzoo.export.onnx_joining import joined, renamed
from kzoo.export.onnx_text import TEXT_OPSET

# The last one that the converter writes; the versions up to that of the text form
# change no operator that it writes otherwise than by more types.
GENERATE_OPSET = 18


def generating(subject):
    """Return ids and a number of tokens to new ids as an `onnx.ModelProto`.

    Args:
        subject: A `CausalLMSubject`.
    """
    from kzoo.export.onnx_graph import convert

    def call(inputs):
        import tensorflow as tf

        ends, count = subject.ends, inputs["max_new_tokens"]
        prompts = prompts_of(inputs["input_ids"], inputs["attention_mask"], count, ends)
        ids = generate(
            subject.model, prompts, count, ends, greedy, cache_axes=HEADS_FIRST
        )
        return {"output_ids": tf.cast(ids, "int64")}

    signature = subject.generate_signature()
    return convert(subject, signature, call=call, opset=GENERATE_OPSET)


def completing(subject, model):
    """Return texts and a number of tokens to completions as an `onnx.ModelProto`.

    The tokenizer, the loop and the way back to text stand in one graph.

    Args:
        subject: A `CausalLMSubject` whose tokenizer has graph forms.
        model: What `generating` gave, of any precision; it is not changed.

    Returns:
        An `onnx.ModelProto` that needs onnxruntime-extensions.
    """
    tokenizer, forms = subject.model.tokenizer, subject.forms
    versions = {"opset": TEXT_OPSET, "ir_version": model.ir_version}
    encoder = forms.onnx(tokenizer, None, **versions)
    decoder = forms.onnx_decoder(tokenizer, **versions)
    renamed(decoder.graph, {"ids": "output_ids", "text": "completion"})
    return joined([encoder, model, decoder], subject.text_signature(), TEXT_OPSET)
