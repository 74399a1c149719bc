"""A translator as the subject of an export."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kzoo.errors import InputError
from kzoo.export.beam_loop import Rules, search
from kzoo.export.loop_state import COLUMNS_FIRST
from kzoo.export.options import SearchOptions
from kzoo.export.plan import Plan
from kzoo.export.report import Criteria
from kzoo.export.signature import (
    BATCH,
    IDS,
    NEW_IDS,
    ONNXRUNTIME,
    ONNXRUNTIME_EXTENSIONS,
    Signature,
    TensorSpec,
)
from kzoo.export.source_rows import source_rows
from kzoo.export.subject import GENERATE, TEXT, Subject, in_float32
from kzoo.export.text_forms import text_forms, text_limitations
from kzoo.export.translator_answers import TranslatorAnswers

_SHAPES = ((1, 2), (3, 7), (5, 11), (2, 13))
_TEXT = TensorSpec("text", "string", (BATCH,))
_TRANSLATION = TensorSpec("translation", "string", (BATCH,))
_SCORE = TensorSpec("score", "float32", (BATCH,))


class TranslatorSubject(Subject):
    """A `Translator`: ids to new ids, and text to translation and score.

    Args:
        model: The model. One that computes in another type than float32 is copied,
            with the same weights, to compute in float32.
        options: How it searches; what they say is fixed in the artefact.

    Raises:
        InputError: If there are more beams than the vocabulary has tokens for.
    """

    family = "translator"

    def __init__(self, model, options: SearchOptions | None = None):
        super().__init__(in_float32(model))
        self.search = self._options = options or SearchOptions()
        _check_beams(self._options.num_beams, model)
        tokenizer = model.tokenizer
        self.forms = text_forms(tokenizer)
        limitations = [
            f"A text of more than {model.max_sequence_length} tokens, which translate "
            "refuses, loses its last ones but for the end.",
            *text_limitations(tokenizer, self.forms),
        ]
        self.limitations = tuple(limitations)
        self._answers = TranslatorAnswers(self.model, self._options)

    @functools.cached_property
    def graph_tokenizer(self):
        """The tokenizer as a `tf.Module`, one for all signatures of a SavedModel."""
        return self.forms.tensorflow(self.model.tokenizer, None)

    # The forms
    def signature(self) -> Signature:
        """Return `tokens`: input_ids, attention_mask -> output_ids."""
        return Signature("tokens", IDS, (NEW_IDS,))

    def text_signature(self) -> Signature | None:
        """Return `text`: text -> translation, score; None without a graph tokenizer."""
        if self.forms is None:
            return None
        return Signature("text", (_TEXT,), (_TRANSLATION, _SCORE))

    def scored_signature(self) -> Signature:
        """Return `tokens` with the score of each row beside the ids."""
        return Signature("tokens", IDS, (NEW_IDS, _SCORE))

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the ids (B, T) and the scores (B,); on TensorFlow alone."""
        return self.translated(inputs["input_ids"], inputs["attention_mask"])

    def translated(self, token_ids, attention_mask, *, cache_axes=COLUMNS_FIRST):
        """Return the best translation of each text, inside a TensorFlow function.

        Args:
            token_ids: (B, S) integers.
            attention_mask: (B, S) integers, not 0 = real token.
            cache_axes: See `search`.

        Returns:
            `output_ids` (B, T) int64 and `score` (B,) float32.
        """
        import tensorflow as tf

        model = self.model
        rows = source_rows(
            token_ids,
            attention_mask,
            end_id=model.end_id,
            context=model.max_sequence_length,
        )
        cache = model.make_cache(
            tf.shape(rows.token_ids)[0], 0, rows.token_ids, rows.padding_mask
        )
        limits = tf.where(rows.lengths > 0, self._limits(rows.lengths), 0)
        rules = Rules(
            self._options.num_beams,
            self._options.length_penalty,
            model.start_id,
            model.end_id,
            model.pad_id,
            tuple(model.suppressed_ids),
        )
        ids, scores = search(model, cache, limits, rules, cache_axes=cache_axes)
        # The converter makes a product of it, and 0 times infinity is no number.
        scores = tf.where(limits > 0, tf.maximum(scores, -1e30), 0.0)
        ids = tf.cast(ids, "int64")
        return {"output_ids": ids[: rows.rows], "score": scores[: rows.rows]}

    def _limits(self, lengths):
        import tensorflow as tf

        most = self._answers.most_tokens
        if self._options.max_ratio is None:
            return tf.fill(tf.shape(lengths), most)
        wanted = tf.cast(lengths, "float64") * self._options.max_ratio
        return tf.clip_by_value(tf.cast(wanted, "int32"), 1, most)

    # The files
    def saved_model_function(self, signature: Signature) -> tuple[list, Callable]:
        """Return a signature as a `tf.function`, and what is to be tracked for it."""
        if signature.inputs[0].dtype != "string":
            return super().saved_model_function(signature)
        from kzoo.export.translator_text import translating

        return translating(self)

    def onnx_signatures(self) -> tuple[Signature, ...]:
        """Return generate.onnx's and, with a tokenizer, text.onnx's."""
        generate = dataclasses.replace(self.signature(), name="generate")
        placed, text = (generate.at(GENERATE, ONNXRUNTIME),), self.text_signature()
        if text is None:
            return placed
        return (*placed, text.at(TEXT, ONNXRUNTIME_EXTENSIONS))

    def onnx_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the graph of each ONNX file."""
        from kzoo.export import translator_onnx

        model = reduced(translator_onnx.translating_ids(self))
        if self.forms is not None:
            yield TEXT, translator_onnx.translating_texts(self, model)
        yield GENERATE, translator_onnx.without_score(model)

    def tensor_graph(self):
        """Return the tensor form as an `onnx.ModelProto` in float32."""
        from kzoo.export import translator_onnx

        return translator_onnx.without_score(translator_onnx.translating_ids(self))

    # Validation
    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return ids of five shapes, padded on either side, the longest S included."""
        rng = np.random.default_rng(5)
        longest = self.model.max_sequence_length
        shapes = [(b, min(s, longest)) for b, s in (*_SHAPES, (1, longest))]
        return [
            self._answers.sample(rng, *shape, left=bool(place % 2))
            for place, shape in enumerate(dict.fromkeys(shapes))
        ]

    def source_sample(self, rng, batch: int, length: int) -> dict[str, np.ndarray]:
        """Return random ids of one shape."""
        return self._answers.sample(rng, batch, length, left=False)

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as ids, made by the host's tokenizer and cut to what is read."""
        return self._answers.encoded(texts, batch_size)

    def plan(self, signature: Signature, texts=None) -> Plan:
        """Return what is run to validate a signature."""
        if signature.inputs[0].dtype == "string":
            return self._answers.text_plan(texts)
        return self._answers.ids_plan(self.samples(), texts)

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
        return self._answers.requests()

    def for_transformers(self) -> Subject:
        """Return the subject of the same model as an encoder and a decoder."""
        from kzoo.export.translator_halves import HalvesSubject

        return HalvesSubject(self)


def _check_beams(num_beams, model):
    known = model.vocabulary_size - len(model.suppressed_ids)
    if 2 * num_beams > known:
        raise InputError(
            "Each beam chooses among twice as many tokens as there are beams.",
            f"num_beams={num_beams}, a vocabulary of {known} tokens to generate",
            f"Pass at most {known // 2} beams.",
        )
