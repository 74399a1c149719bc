"""A causal language model that takes and returns its caches, as Optimum runs it."""

from typing import Any

import numpy as np
from keras import ops

from kzoo.export.loop_state import swapped
from kzoo.export.signature import BATCH, SEQUENCE, Signature, TensorSpec
from kzoo.export.subject import Subject
from kzoo.layers import KeyValueCache

PAST, TOTAL = "past_sequence", "total_sequence"
# Rows, tokens that were read before, tokens that come now.
_SHAPES = ((1, 0, 7), (3, 0, 11), (3, 11, 1), (2, 5, 3))


class PastSubject(Subject):
    """A `GPT2CausalLM` as one step of a loop that stands outside the graph.

    The first call reads the prompts with caches of no columns, each further one the
    next token; the mask is that of all tokens so far.

    Args:
        subject: The model's `CausalLMSubject`.
    """

    family = "gpt2"

    def __init__(self, subject):
        super().__init__(subject.model)
        self._subject = subject
        self.limitations = tuple(subject.limitations[: subject.model.tokenizer is None])
        model = subject.model
        self._layers = range(len(model.blocks))
        self._heads = model.num_heads, model.hidden_dim // model.num_heads

    def signature(self) -> Signature:
        """Return `decoder`, with the names that Optimum's exporter gives."""
        axes = {
            "input_ids": (BATCH, SEQUENCE),
            "attention_mask": (BATCH, TOTAL),
            "position_ids": (BATCH, SEQUENCE),
        }
        inputs = [TensorSpec(name, "int64", axes[name]) for name in axes]
        inputs += self._caches("past_key_values", PAST)
        size = self.model.vocabulary_size
        logits = TensorSpec("logits", "float32", (BATCH, SEQUENCE, size))
        outputs = (logits, *self._caches("present", TOTAL))
        return Signature("decoder", tuple(inputs), outputs)

    def _caches(self, name, columns):
        num_heads, key_dim = self._heads
        axes = (BATCH, num_heads, columns, key_dim)
        return [
            TensorSpec(f"{name}.{layer}.{part}", "float32", axes)
            for layer in self._layers
            for part in ("key", "value")
        ]

    def text_signature(self) -> Signature | None:
        """Return that of the plain layout: texts are encoded outside here."""
        return self._subject.text_signature()

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the logits (B, T, V) and the new caches, (B, N, S, H) each."""
        caches = [
            cache._replace(
                self_attention=KeyValueCache(
                    swapped(inputs[f"past_key_values.{layer}.key"]),
                    swapped(inputs[f"past_key_values.{layer}.value"]),
                )
            )
            for layer, cache in enumerate(self.model.make_cache(1, 0))
        ]
        x, caches = self.model.call_with_cache(
            ops.cast(inputs["input_ids"], "int32"),
            tuple(caches),
            padding_mask=ops.cast(inputs["attention_mask"], "bool"),
            positions=ops.cast(inputs["position_ids"], "int32"),
        )
        outputs = {"logits": self.model.head(x)}
        for layer, cache in enumerate(caches):
            tokens = cache.self_attention
            outputs[f"present.{layer}.key"] = swapped(tokens.key)
            outputs[f"present.{layer}.value"] = swapped(tokens.value)
        return outputs

    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return first calls, padded on the left, and calls that go on from others."""
        rng = np.random.default_rng(7)
        context = self.model.max_sequence_length
        samples = []
        for batch, past, length in _SHAPES:
            past = min(past, context - 1)
            length = min(length, context - past)
            lengths = rng.integers(1, past + length + 1, size=(batch, 1))
            lengths[0] = past + length
            mask = np.arange(past + length) >= past + length - lengths
            ids = rng.integers(0, self.model.vocabulary_size, size=mask.shape)
            samples.append(self._step(ids, mask, past))
        return samples

    def _step(self, ids, mask, past):
        """Return the call that reads what stands behind the first `past` columns."""
        ids, mask = ids.astype("int64"), mask.astype("int64")
        positions = np.maximum(mask.cumsum(axis=1) - 1, 0)
        num_heads, key_dim = self._heads
        shape = (len(ids), num_heads, 0, key_dim)
        caches = {
            spec.name: np.zeros(shape, "float32")
            for spec in self.signature().inputs[3:]
        }
        if past:
            first = self._step(ids[:, :past], mask[:, :past], 0)
            found = self.expected(first)
            caches = {
                name: found[name.replace("past_key_values", "present")]
                for name in caches
            }
        return {
            "input_ids": ids[:, past:],
            "attention_mask": mask,
            "position_ids": positions[:, past:],
            **caches,
        }

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as first calls."""
        return [
            self._step(call["input_ids"], call["attention_mask"], 0)
            for call in self._subject.encoded(texts, batch_size)
        ]

    def transformers_files(self) -> dict[str, dict]:
        """Return `generation_config.json`."""
        tokenizer = self.model.tokenizer
        end_id = getattr(tokenizer, "end_id", None)
        config: dict[str, Any] = {"_from_model_config": True}
        if end_id is not None:
            config["bos_token_id"] = config["eos_token_id"] = end_id
            config["pad_token_id"] = tokenizer.pad_id
        return {"generation_config.json": config}
