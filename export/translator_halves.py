"""A translator as an encoder and a decoder with past, as Optimum runs it."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops

from kzoo.errors import InputError
from kzoo.export.loop_state import swapped
from kzoo.export.options import SearchOptions
from kzoo.export.plan import Plan
from kzoo.export.signature import BATCH, ONNXRUNTIME, SEQUENCE, Signature, TensorSpec
from kzoo.export.subject import Subject
from kzoo.layers import DecoderCache, KeyValueCache
from kzoo.models.checkpoints import marian
from kzoo.models.translator import TranslatorCache

ENCODER, DECODER = "encoder_model.onnx", "decoder_model_merged.onnx"
NEW, PAST, TOTAL = "decoder_sequence", "past_sequence", "total_sequence"
SOURCE_PAST, SOURCE_NEW = "encoder_past_sequence", "encoder_new_sequence"
_PARTS = "key", "value"
_ROWS = 16
# Rows, source tokens, tokens that were read before, tokens that come now.
_SHAPES = ((1, 5, 0, 1), (3, 7, 0, 2), (3, 7, 11, 1), (2, 11, 5, 3))


class HalvesSubject(Subject):
    """A `Translator` of Marian's shape as two steps of a loop outside the graphs.

    The encoder runs once. The decoder's first call computes the keys and values of
    the source and takes caches of no columns; each further one takes them back and
    reads the next token.

    Args:
        subject: The model's `TranslatorSubject`.

    Raises:
        InputError: If transformers' Marian has another shape, or a search is asked
            for.
    """

    family = "translator"

    def __init__(self, subject):
        super().__init__(subject.model)
        _check_fits(subject.model)
        if subject.search != SearchOptions():
            raise InputError(
                "The layout huggingface leaves the search to who opens it.",
                f"{subject.search}",
                "Leave that out; Optimum's generate takes such options.",
            )
        self._subject = subject
        self.limitations = tuple(subject.limitations[1:2])
        self._blocks = subject.model.decoder.blocks

    # The forms
    def signature(self) -> Signature:
        """Return the decoder's, with the names that Optimum's exporter gives."""
        model = self.model
        states = (BATCH, SEQUENCE, model.hidden_dim)
        inputs = (
            TensorSpec("encoder_attention_mask", "int64", (BATCH, SEQUENCE)),
            TensorSpec("input_ids", "int64", (BATCH, NEW)),
            TensorSpec("encoder_hidden_states", "float32", states),
            *self._caches("past_key_values", PAST, SOURCE_PAST),
            TensorSpec("use_cache_branch", "bool", (1,)),
        )
        axes = (BATCH, NEW, model.vocabulary_size)
        logits = TensorSpec("logits", "float32", axes)
        outputs = (logits, *self._caches("present", TOTAL, SOURCE_NEW))
        return Signature("decoder", inputs, outputs)

    def encoder_signature(self) -> Signature:
        """Return the encoder's: input_ids, attention_mask -> last_hidden_state."""
        inputs = tuple(
            TensorSpec(name, "int64", (BATCH, SEQUENCE))
            for name in ("input_ids", "attention_mask")
        )
        axes = (BATCH, SEQUENCE, self.model.hidden_dim)
        states = TensorSpec("last_hidden_state", "float32", axes)
        return Signature("encoder", inputs, (states,))

    def _caches(self, name, own, source):
        specs = []
        for layer, block in enumerate(self._blocks):
            key_dim = self.model.hidden_dim // block.num_heads
            for half, columns in (("decoder", own), ("encoder", source)):
                axes = (BATCH, block.num_heads, columns, key_dim)
                specs += [
                    TensorSpec(f"{name}.{layer}.{half}.{part}", "float32", axes)
                    for part in _PARTS
                ]
        return specs

    def text_signature(self) -> Signature | None:
        """Return that of the plain layout: texts are encoded outside here."""
        return self._subject.text_signature()

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the decoder's logits (B, T, V) and new caches, (B, N, S, H) each."""
        encoded = inputs["encoder_hidden_states"]
        past = functools.partial(_past, inputs)
        # Of no columns where the keys and values come back: nothing is computed.
        columns = ops.where(inputs["use_cache_branch"][0], 0, _length(encoded))
        encoded = ops.take(encoded, ops.arange(columns), axis=1)
        blocks, new = [], []
        for layer, block in enumerate(self._blocks):
            computed = block.make_cache(None, encoded).cross_attention
            new.append([swapped(part) for part in computed])
            # Where the heads come first, as the products take them.
            joined = [
                ops.concatenate([before, now], axis=2)
                for before, now in zip(past(layer, "encoder"), new[-1], strict=True)
            ]
            own, source = past(layer, "decoder"), joined
            caches = [KeyValueCache(*map(swapped, parts)) for parts in (own, source)]
            blocks.append(DecoderCache(*caches))
        ids = ops.cast(inputs["input_ids"], "int32")
        start = _length(blocks[0].self_attention.key)
        positions = start + ops.arange(_length(ids), dtype="int32")
        mask = ops.cast(inputs["encoder_attention_mask"], "bool")
        x, cache = self.model.call_with_cache(
            ids,
            TranslatorCache(tuple(blocks), mask),
            positions=ops.expand_dims(positions, 0),
        )
        outputs = {"logits": self.model.head(x)}
        for layer, block in enumerate(cache.blocks):
            own = [swapped(part) for part in block.self_attention]
            for half, parts in (("decoder", own), ("encoder", new[layer])):
                for name, part in zip(_PARTS, parts, strict=True):
                    outputs[f"present.{layer}.{half}.{name}"] = part
        return outputs

    def encode(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the encoder's outputs, (B, S, D)."""
        ids = ops.cast(inputs["input_ids"], "int32")
        mask = ops.cast(inputs["attention_mask"], "bool")
        return {"last_hidden_state": self.model.encode(ids, mask)}

    # The files
    def transformers_signatures(self) -> tuple[Signature, ...]:
        """Return the signature of either graph."""
        return (
            self.encoder_signature().at(ENCODER, ONNXRUNTIME),
            self.signature().at(DECODER, ONNXRUNTIME),
        )

    def transformers_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the graph of either."""
        from kzoo.export.onnx_graph import convert

        encoder = convert(self, self.encoder_signature(), call=self.encode)
        yield ENCODER, reduced(encoder)
        yield DECODER, reduced(self.tensor_graph())

    # Validation
    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return calls of the decoder: first ones, and those that go on from others."""
        rng = np.random.default_rng(7)
        return [self._step(*call) for call in self._calls(rng)]

    def _calls(self, rng):
        model = self.model
        context = model.max_sequence_length
        for batch, source, past, length in _SHAPES:
            past = min(past, context - length)
            sample = self._subject.source_sample(rng, batch, min(source, context))
            shape = batch, past + length
            yield sample, rng.integers(0, model.vocabulary_size, shape), past

    def _step(self, sample, ids, past):
        """Return the call that reads what stands behind the first `past` columns."""
        caches = self.signature().inputs[3:-1]
        if past:
            first = self._step(sample, ids[:, :past], 0)
            found = self.expected(first)
            before = {
                spec.name: found[spec.name.replace("past_key_values", "present")]
                for spec in caches
            }
        else:
            before = {
                spec.name: np.zeros(
                    (len(ids), spec.axes[1], 0, spec.axes[3]), "float32"
                )
                for spec in caches
            }
        states = self._encoded_states(sample)["last_hidden_state"]
        return {
            "encoder_attention_mask": sample["attention_mask"],
            "input_ids": ids[:, past:].astype("int64"),
            "encoder_hidden_states": states,
            **before,
            "use_cache_branch": np.array([past > 0]),
        }

    def _encoded_states(self, sample):
        tensors = {name: ops.convert_to_tensor(x) for name, x in sample.items()}
        return {
            name: np.asarray(ops.convert_to_numpy(ops.stop_gradient(x)))
            for name, x in self.encode(tensors).items()
        }

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as inputs of the encoder, those of like length together."""
        return self._subject.encoded(texts, batch_size)

    def plan(self, signature: Signature, texts=None) -> Plan:
        """Return what is run to validate one of the two."""
        if signature.name == "encoder":
            calls = self._subject.samples()
            if texts is not None:
                calls += self.encoded(list(texts), _ROWS)
            return Plan(calls, [self._encoded_states(call) for call in calls])
        calls = self.samples()
        return Plan(calls, [self.expected(call) for call in calls])


def _length(x) -> Any:
    """Return the size of the second axis."""
    shape: Any = ops.shape(x)
    return shape[1]


def _past(inputs, layer, half):
    return [inputs[f"past_key_values.{layer}.{half}.{name}"] for name in _PARTS]


def _check_fits(model):
    config = model.arguments
    if marian.fits(config):
        return
    shape = ", ".join(f"{name}={value!r}" for name, value in marian.SHAPE.items())
    raise InputError(
        "The layout huggingface is for translators of the shape of transformers' "
        "Marian.",
        ", ".join(f"{name}={config[name]!r}" for name in marian.SHAPE),
        f"Use layout='plain'; Marian has {shape}.",
    )
