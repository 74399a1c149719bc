"""A causal language model as the subject of an export."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops

from kzoo.export.causal_lm_answers import CausalLMAnswers
from kzoo.export.generation_loop import Ends
from kzoo.export.plan import Plan
from kzoo.export.report import Criteria
from kzoo.export.signature import (
    BATCH,
    IDS,
    NEW_IDS,
    ONNXRUNTIME,
    ONNXRUNTIME_EXTENSIONS,
    SEQUENCE,
    Signature,
    TensorSpec,
)
from kzoo.export.subject import (
    GENERATE,
    MODEL,
    SERVING_DEFAULT,
    TEXT,
    Subject,
    in_float32,
)
from kzoo.export.text_forms import text_forms, text_limitations

_SHAPES = ((1, 2), (3, 7), (5, 11), (2, 13))
_TEXT = TensorSpec("text", "string", (BATCH,))
_COMPLETION = TensorSpec("completion", "string", (BATCH,))
_COUNT = TensorSpec("max_new_tokens", "int32", ())
_SAMPLING = (
    TensorSpec("temperature", "float32", ()),
    TensorSpec("top_k", "int32", ()),
    TensorSpec("top_p", "float32", ()),
    TensorSpec("seed", "int64", ()),
)


class CausalLMSubject(Subject):
    """A `GPT2CausalLM`: ids to logits, ids to new ids, text to completion.

    Args:
        model: The model. One that computes in another type than float32 is copied,
            with the same weights, to compute in float32.
    """

    family = "gpt2"

    def __init__(self, model):
        super().__init__(in_float32(model))
        tokenizer = model.tokenizer
        self.forms = text_forms(tokenizer)
        limitations = text_limitations(tokenizer, self.forms)
        if tokenizer is None:
            limitations.append("Without a tokenizer generation knows no end token.")
        self.limitations = tuple(limitations)
        self._answers = CausalLMAnswers(self.model, self.ends)

    @functools.cached_property
    def graph_tokenizer(self):
        """The tokenizer as a `tf.Module`, one for all signatures of a SavedModel."""
        return self.forms.tensorflow(self.model.tokenizer, None)

    @property
    def ends(self) -> Ends:
        """Where generation starts and ends."""
        tokenizer, context = self.model.tokenizer, self.model.max_sequence_length
        end_id = getattr(tokenizer, "end_id", None)
        if end_id is None:
            # No id is free to stand behind the end of a row.
            return Ends(0, None, -1, context)
        return Ends(end_id, end_id, end_id, context)

    # The forms
    def signature(self) -> Signature:
        """Return `tokens`: input_ids, attention_mask -> logits."""
        axes = (BATCH, SEQUENCE, self.model.vocabulary_size)
        return Signature("tokens", IDS, (TensorSpec("logits", "float32", axes),))

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the logits, (B, T, V)."""
        batch = {
            "token_ids": ops.cast(inputs["input_ids"], "int32"),
            "padding_mask": ops.cast(inputs["attention_mask"], "bool"),
        }
        return {"logits": self.model(batch, training=False)}

    def generate_signature(self) -> Signature:
        """Return `generate`: ids and a number of tokens -> the new ids alone."""
        return Signature("generate", (*IDS, _COUNT), (NEW_IDS,))

    def text_signature(self) -> Signature | None:
        """Return `text`: text and a number of tokens -> the completion alone."""
        if self.forms is None:
            return None
        return Signature("text", (_TEXT, _COUNT), (_COMPLETION,))

    def sample_signature(self) -> Signature:
        """Return `sample`: as `text`, with what random sampling needs."""
        return Signature("sample", (_TEXT, _COUNT, *_SAMPLING), (_COMPLETION,))

    # The files
    def saved_model_signatures(self) -> tuple[Signature, ...]:
        """Return `serving_default`, `tokens` and `sample`, or `tokens` alone."""
        text = self.text_signature()
        if text is None:
            return (self.signature(),)
        text = dataclasses.replace(text, name=SERVING_DEFAULT)
        return (text, self.signature(), self.sample_signature())

    def saved_model_function(self, signature: Signature) -> tuple[list, Callable]:
        """Return a signature as a `tf.function`, and what is to be tracked for it."""
        if signature.inputs[0].dtype != "string":
            return super().saved_model_function(signature)
        from kzoo.export.causal_lm_text import completing, sampling

        return (sampling if signature.name == "sample" else completing)(self)

    def onnx_signatures(self) -> tuple[Signature, ...]:
        """Return model.onnx's, generate.onnx's and, with a tokenizer, text.onnx's."""
        placed = [
            self.signature().at(MODEL, ONNXRUNTIME),
            self.generate_signature().at(GENERATE, ONNXRUNTIME),
        ]
        text = self.text_signature()
        if text is not None:
            placed.append(text.at(TEXT, ONNXRUNTIME_EXTENSIONS))
        return tuple(placed)

    def onnx_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the graph of each ONNX file."""
        from kzoo.export import causal_lm_onnx
        from kzoo.export.onnx_graph import convert

        yield MODEL, reduced(convert(self, self.signature()))
        generating = reduced(causal_lm_onnx.generating(self))
        if self.forms is not None:
            yield TEXT, causal_lm_onnx.completing(self, generating)
        yield GENERATE, generating

    # Validation
    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return ids of five shapes, padded on either side, the longest T included."""
        rng = np.random.default_rng(5)
        longest = self.model.max_sequence_length
        shapes = [(b, min(t, longest)) for b, t in (*_SHAPES, (1, longest))]
        return [
            self._sample(rng, *shape, left=bool(place % 2))
            for place, shape in enumerate(dict.fromkeys(shapes))
        ]

    def _sample(self, rng, batch, length, left):
        lengths = rng.integers(1, length + 1, size=(batch, 1))
        lengths[0] = length
        mask = np.arange(length) < lengths
        mask = mask[:, ::-1] if left else mask
        ids = rng.integers(0, self.model.vocabulary_size, size=mask.shape) * mask
        inputs = {"input_ids": ids, "attention_mask": mask}
        return {name: value.astype("int64") for name, value in inputs.items()}

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as ids, made by the host's tokenizer and cut on the left."""
        return self._answers.encoded(texts, batch_size)

    def plan(self, signature: Signature, texts=None) -> Plan:
        """Return what is run to validate a signature."""
        if signature.inputs[0].dtype == "string":
            return self._answers.text_plan(self.with_numbers(signature), texts)
        if signature.name == "generate":
            return self._answers.ids_plan(self.samples(), texts)
        return super().plan(signature, texts)

    def criteria(self, signature: Signature, precision: str) -> Criteria:
        """Return what a signature is held to.

        Smaller weights may tell another tale. It is held to being nearly as probable,
        by its ids; a text is made of the same loop.
        """
        criteria = super().criteria(signature, precision)
        if precision == "float32" or signature.outputs[0].dtype != "string":
            return criteria
        return dataclasses.replace(criteria, agreement=0.0)

    def requests(self, signature: Signature) -> list[dict[str, np.ndarray]]:
        """Return inputs as a server will see them: one, and a batch."""
        if signature.inputs[0].dtype != "string":
            return super().requests(signature)
        return self._answers.requests(self.with_numbers(signature))

    @staticmethod
    def with_numbers(signature: Signature) -> dict[str, np.ndarray]:
        """Return the inputs beside the text: few tokens, and the most probable ones."""
        numbers = {
            "max_new_tokens": 7,
            "temperature": 0.7,
            "top_k": 1,
            "top_p": 0.9,
            "seed": 11,
        }
        return {
            spec.name: np.array(numbers[spec.name], spec.dtype)
            for spec in signature.inputs[1:]
        }

    def for_transformers(self) -> Subject:
        """Return the subject of the same model that takes and returns its caches."""
        from kzoo.export.causal_lm_past import PastSubject

        return PastSubject(self)
