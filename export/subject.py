"""What is exported: a model, seen as named inputs and outputs."""

import abc
from typing import Any

import keras
import numpy as np

from kzoo.export.signature import Signature


class Subject(abc.ABC):
    """A model with its signature, its samples and its own eager answers.

    Args:
        model: The model that computes, in float32.

    Attributes:
        family: What kind of model it is.
        label_names: A classifier's labels; empty otherwise.
        limitations: Inputs that the artefact is known to treat otherwise.
    """

    family: str
    label_names: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()

    def __init__(self, model: keras.Model):
        self.model = model

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

    def text_signature(self) -> Signature | None:
        """Return the signature of the text form, or None where there is none."""
        return None

    def encoded(self, texts: list, batch_size: int) -> list[dict[str, np.ndarray]]:
        """Return texts as inputs of the tensor form, those of like length together."""
        raise NotImplementedError(f"{type(self).__name__} has no text form")

    def expected_texts(self, texts: list) -> tuple[list[str], np.ndarray]:
        """Return the model's own label and scores of texts."""
        raise NotImplementedError(f"{type(self).__name__} has no text form")
