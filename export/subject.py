"""What is exported: a model, seen as named inputs and outputs."""

import abc
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from kzoo.export.comparing import CRITERIA
from kzoo.export.options import SearchOptions
from kzoo.export.plan import Plan
from kzoo.export.report import Criteria
from kzoo.export.signature import (
    ONNXRUNTIME,
    ONNXRUNTIME_EXTENSIONS,
    Signature,
)

SERVING_DEFAULT = "serving_default"
MODEL, TEXT, GENERATE = "model.onnx", "text.onnx", "generate.onnx"
_TEXTS_PER_CALL = 64


class Subject(abc.ABC):
    """A model with its signatures, its samples and its own eager answers.

    Args:
        model: The model that computes, in float32.

    Attributes:
        family: What kind of model it is.
        label_names: A classifier's labels; empty otherwise.
        limitations: Inputs that the artefact is known to treat otherwise.
        search: How the artefact searches; None if it does not.
    """

    family: str
    label_names: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    search: SearchOptions | None = None

    def __init__(self, model: keras.Model):
        self.model = model

    # The tensor form
    @abc.abstractmethod
    def signature(self) -> Signature:
        """Return the signature of the tensor form."""

    @abc.abstractmethod
    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs for backend tensors, by the signature's names."""

    @abc.abstractmethod
    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return inputs of two or more shapes, the same ones at every call."""

    def expected(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the model's eager outputs for an input."""
        outputs = self.call(
            {name: keras.ops.convert_to_tensor(x) for name, x in inputs.items()}
        )
        return {
            name: np.asarray(keras.ops.convert_to_numpy(keras.ops.stop_gradient(x)))
            for name, x in outputs.items()
        }

    # The text form
    def text_signature(self) -> Signature | None:
        """Return the signature of the text form, or None where there is none."""
        return None

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as inputs of the tensor form, those of like length together."""
        raise NotImplementedError(f"{type(self).__name__} has no text form")

    # The files
    def saved_model_signatures(self) -> tuple[Signature, ...]:
        """Return the signatures of a SavedModel: the text form first, if any."""
        text = self.text_signature()
        if text is None:
            return (self.signature(),)
        return (dataclasses.replace(text, name=SERVING_DEFAULT), self.signature())

    def saved_model_function(self, signature: Signature) -> tuple[list, Callable]:
        """Return one of them as a `tf.function`, and what is to be tracked for it."""
        from kzoo.export.trace import traced

        return [], traced(self, signature)

    def onnx_signatures(self) -> tuple[Signature, ...]:
        """Return the signature of each ONNX file of the plain layout."""
        tensors, text = self.signature().at(MODEL, ONNXRUNTIME), self.text_signature()
        if text is None:
            return (tensors,)
        return (tensors, text.at(TEXT, ONNXRUNTIME_EXTENSIONS))

    def onnx_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the `onnx.ModelProto` of each of them.

        Args:
            reduced: Function that gives a graph's weights their precision.
        """
        yield MODEL, reduced(self.tensor_graph())

    def tensor_graph(self):
        """Return the tensor form as an `onnx.ModelProto` in float32."""
        from kzoo.export.onnx_graph import convert

        return convert(self, self.signature())

    def for_transformers(self) -> "Subject":
        """Return the subject of the same model with the inputs transformers gives."""
        raise NotImplementedError(f"transformers has no {type(self.model).__name__}")

    def transformers_signatures(self) -> tuple[Signature, ...]:
        """Return the signature of each graph that such a subject is written as."""
        return (self.signature().at(MODEL, ONNXRUNTIME),)

    def transformers_graphs(self, reduced: Callable) -> Iterator[tuple[str, Any]]:
        """Yield the path and the graph of each of them; see `onnx_graphs`."""
        yield MODEL, reduced(self.tensor_graph())

    def transformers_files(self) -> dict[str, dict]:
        """Return what else lies beside such a graph: file name -> JSON object."""
        return {}

    # Validation
    def plan(self, signature: Signature, texts=None) -> Plan:
        """Return what is run to validate a signature.

        Args:
            signature: One of those above.
            texts: More texts to compare on, or None.
        """
        calls = self.samples()
        if texts is not None:
            calls += self.encoded(list(texts), _TEXTS_PER_CALL)
        return Plan(calls, [self.expected(call) for call in calls])

    def criteria(self, signature: Signature, precision: str) -> Criteria:
        """Return what a signature is held to at a precision."""
        return CRITERIA[precision]

    def requests(self, signature: Signature) -> list[dict[str, np.ndarray]]:
        """Return inputs as a server will see them, to warm up with."""
        return self.samples()


def in_float32(model):
    """Return a model that computes in float32: the same, or a copy of its weights."""
    if model.compute_dtype == "float32":
        return model
    with tempfile.TemporaryDirectory() as folder:
        model.save_to_preset(folder)
        return type(model).from_preset(folder, dtype="float32")
