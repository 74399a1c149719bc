"""A text classifier as the subject of an export."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops

from kzoo.export.graph_tokenizers import graph_forms, has_graph_forms
from kzoo.export.plan import Plan, as_bytes, string_array, text_groups
from kzoo.export.sample_texts import sample_texts
from kzoo.export.signature import BATCH, SEQUENCE, Signature, TensorSpec
from kzoo.export.subject import MODEL, TEXT, Subject, in_float32

_SHAPES = ((1, 2), (3, 7), (5, 11), (2, 13))


class ClassifierSubject(Subject):
    """A `TextClassifier`: ids to logits, and text to label and scores.

    Args:
        model: The classifier. One that computes in another type than float32 is
            copied, with the same weights, to compute in float32.
        token_type_ids: Whether the tensor form takes segment ids as a third input,
            as Hugging Face's exports of BERT do. Otherwise they are zeros.
    """

    family = "classifier"

    def __init__(self, model, *, token_type_ids: bool = False):
        super().__init__(in_float32(model))
        self.label_names = tuple(model.label_names)
        self._token_type_ids = token_type_ids and model.num_segments > 1
        limitations = []
        if model.tokenizer is None:
            limitations.append("The model has no tokenizer, so there is no text form.")
        elif not has_graph_forms(model.tokenizer):
            limitations.append(
                f"A {type(model.tokenizer).__name__} has no graph form, so there is "
                "no text form."
            )
        else:
            limitations += graph_forms(model.tokenizer).limitations(model.tokenizer)
        if model.num_segments > 1 and not self._token_type_ids:
            limitations.append(
                "The artefact takes one text, not a pair: segment ids are zeros."
            )
        self.limitations = tuple(limitations)

    def signature(self) -> Signature:
        """Return `tokens`: input_ids, attention_mask -> logits."""
        names = ["input_ids", "attention_mask"]
        if self._token_type_ids:
            names.append("token_type_ids")
        inputs = (TensorSpec(name, "int64", (BATCH, SEQUENCE)) for name in names)
        logits = TensorSpec("logits", "float32", (BATCH, len(self.label_names)))
        return Signature("tokens", tuple(inputs), (logits,))

    def text_signature(self) -> Signature | None:
        """Return `text`: text -> label, scores; None without a graph tokenizer."""
        if not has_graph_forms(self.model.tokenizer):
            return None
        text = TensorSpec("text", "string", (BATCH,))
        label = TensorSpec("label", "string", (BATCH,))
        scores = TensorSpec("scores", "float32", (BATCH, len(self.label_names)))
        return Signature("text", (text,), (label, scores))

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the logits, (B, classes)."""
        batch = {
            "token_ids": ops.cast(inputs["input_ids"], "int32"),
            "padding_mask": ops.cast(inputs["attention_mask"], "bool"),
        }
        if self._token_type_ids:
            batch["segment_ids"] = ops.cast(inputs["token_type_ids"], "int32")
        return {"logits": self.model(batch, training=False)}

    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return ids of five shapes, padded on the right, the longest T included."""
        rng = np.random.default_rng(5)
        longest = self.model.max_sequence_length
        shapes = [(b, min(t, longest)) for b, t in (*_SHAPES, (1, longest))]
        return [self._sample(rng, *shape) for shape in dict.fromkeys(shapes)]

    def _sample(self, rng, batch, length):
        vocabulary_size = self.model.get_config()["vocabulary_size"]
        lengths = rng.integers(1, length + 1, size=(batch, 1))
        lengths[0] = length
        mask = np.arange(length) < lengths
        sample = {
            "input_ids": rng.integers(0, vocabulary_size, size=mask.shape) * mask,
            "attention_mask": mask,
        }
        if self._token_type_ids:
            segments = np.arange(length) >= lengths // 2
            sample["token_type_ids"] = (segments & mask) % self.model.num_segments
        return {name: value.astype("int64") for name, value in sample.items()}

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as ids, made by the host's tokenizer."""
        tokenizer, most = self.model.tokenizer, self.model.max_sequence_length
        rows = sorted(tokenizer.encode_batch(texts, most).ids, key=len)
        batches = []
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            mask = np.arange(len(some[-1])) < np.array([[len(row)] for row in some])
            ids = np.full(mask.shape, tokenizer.pad_id)
            ids[mask] = np.concatenate(some)
            batch = {"input_ids": ids, "attention_mask": mask}
            if self._token_type_ids:
                batch["token_type_ids"] = np.zeros_like(ids)
            batches.append({name: x.astype("int64") for name, x in batch.items()})
        return batches

    def saved_model_function(self, signature: Signature) -> tuple[list, Callable]:
        """Return a signature as a `tf.function`, and what is to be tracked for it."""
        if signature.inputs[0].dtype != "string":
            return super().saved_model_function(signature)
        from kzoo.export.classifier_text import text_function

        tokenizer, function = text_function(self)
        return [tokenizer], function

    def onnx_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the graph of each ONNX file."""
        from kzoo.export.onnx_graph import convert

        model = convert(self, self.signature())
        if self.text_signature() is not None:
            from kzoo.export.onnx_text import raised, with_tokenizer

            # Reduced after the opset was raised: no converter knows contrib operators.
            yield TEXT, with_tokenizer(self, reduced(raised(model)))
        yield MODEL, reduced(model)

    def plan(self, signature: Signature, texts=None) -> Plan:
        """Return what is run to validate a signature."""
        if signature.inputs[0].dtype != "string":
            return super().plan(signature, texts)
        model = self.model
        own = sample_texts(model.max_sequence_length, model.tokenizer)
        every = [as_bytes(text) for text in (*own, *(texts or ()))]
        labels, scores = self._expected_texts(every)
        calls, expected = [], []
        for chosen in text_groups(every, len(own)):
            calls.append({"text": string_array([every[index] for index in chosen])})
            expected.append({"label": labels[chosen], "scores": scores[chosen]})
        return Plan(calls, expected)

    def _expected_texts(self, texts):
        """Return the labels, (B,) byte strings, and scores of `model.classify`."""
        answers = self.model.classify(texts)
        scores = [
            [answer.scores[name] for name in self.label_names] for answer in answers
        ]
        labels = string_array([answer.label.encode() for answer in answers])
        return labels, np.asarray(scores)

    def requests(self, signature: Signature) -> list[dict[str, np.ndarray]]:
        """Return inputs as a server will see them: one, and a batch."""
        if signature.inputs[0].dtype != "string":
            return super().requests(signature)
        model = self.model
        texts = sample_texts(model.max_sequence_length, model.tokenizer)
        texts = [as_bytes(text) for text in texts if isinstance(text, str)]
        return [{"text": string_array(texts[:size])} for size in (1, 8)]

    def for_transformers(self) -> "ClassifierSubject":
        """Return the subject of the same model that takes segment ids."""
        return ClassifierSubject(self.model, token_type_ids=True)
