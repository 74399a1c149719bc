"""Any Keras model as the subject of an export: its `call`, its own input names."""

from typing import Any

import keras
import numpy as np

from kzoo.errors import InputError
from kzoo.export.signature import BATCH, SEQUENCE, Signature, TensorSpec
from kzoo.export.subject import Subject

# Sizes that free axes take in the samples: primes, so that no two are mixed up.
_SIZES = ((3, 7), (1, 11), (5, 2))


class CallSubject(Subject):
    """A `keras.Model` of any kind, by its `call`.

    A functional or sequential model declares its inputs itself. A subclassed one is
    declared by `input_signature`, or else by the shapes it was called with, whose
    first axis is taken to be the batch and whose type to be float32.

    Args:
        model: The model, built.
        input_signature: What `call` takes first: one `keras.InputSpec` or
            `keras.KerasTensor`, or a dict, list or tuple of them. None for the
            model's own.
        samples: Inputs to compare on, as a list of dicts by input name. By default
            integers that every Embedding of the model knows, and normal floats.

    Raises:
        InputError: If the model's inputs are not known, or it computes in another
            type than float32.
    """

    family = "keras"

    def __init__(self, model: keras.Model, *, input_signature=None, samples=None):
        super().__init__(model)
        _check_float32(model)
        self._structure = input_signature
        if input_signature is None:
            self._structure = _own_inputs(model)
        self._inputs = _named_inputs(self._structure)
        self._samples = samples
        self._signature = None

    def signature(self) -> Signature:
        """Return `serving_default`, the outputs' axes found by running the samples."""
        if self._signature is None:
            samples = self.samples()
            answers = [self.expected(sample) for sample in samples]
            outputs = tuple(
                TensorSpec(name, str(value.dtype), self._axes(name, samples, answers))
                for name, value in answers[0].items()
            )
            self._signature = Signature("serving_default", self._inputs, outputs)
        return self._signature

    def _axes(self, name, samples, answers):
        """Name an output's axes: an axis that grows with an input's is that one."""
        shapes = np.array([answer[name].shape for answer in answers])
        free = {}
        for spec in self._inputs:
            for index, axis in enumerate(spec.axes):
                if isinstance(axis, str):
                    sizes = [sample[spec.name].shape[index] for sample in samples]
                    free.setdefault(axis, sizes)
        axes = []
        for index, sizes in enumerate(shapes.T.tolist()):
            same = [axis for axis, known in free.items() if known == sizes]
            fixed = len(set(sizes)) == 1
            axes.append(
                sizes[0] if fixed else same[0] if same else f"{name}_axis_{index}"
            )
        return tuple(axes)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs of the model's call by name."""
        values = [inputs[spec.name] for spec in self._inputs]
        packed = keras.tree.pack_sequence_as(self._structure, values)
        return _named_outputs(self.model, self.model(packed, training=False))

    def samples(self) -> list[dict[str, np.ndarray]]:
        """Return inputs of three shapes."""
        if self._samples is not None:
            return self._samples
        rng = np.random.default_rng(5)
        free = {axis for spec in self._inputs for axis in spec.axes}
        names = sorted(axis for axis in free if isinstance(axis, str))
        most = _most_ids(self.model)
        samples = []
        for batch, length in _SIZES:
            sizes = {
                name: length + 2 * index if name != BATCH else batch
                for index, name in enumerate(names)
            }
            samples.append(
                {spec.name: _draw(rng, spec, sizes, most) for spec in self._inputs}
            )
        return samples


def _draw(rng, spec, sizes, most):
    shape = [sizes.get(axis, axis) for axis in spec.axes]
    if spec.dtype == "bool":
        # The first of each row is True: a row that is masked whole has no answer.
        return np.arange(shape[-1]) <= rng.integers(0, shape[-1], shape)
    if "int" in spec.dtype:
        return rng.integers(0, most, size=shape).astype(spec.dtype)
    return rng.normal(size=shape).astype(spec.dtype)


def _most_ids(model):
    """Return how many ids every table of the model has a row for; 2 without tables."""
    layers = model._flatten_layers()
    rows = [x.input_dim for x in layers if isinstance(x, keras.layers.Embedding)]
    return min(rows, default=2)


def _own_inputs(model):
    """Return the structure of tensors that a model's call takes."""
    if getattr(model, "inputs", None):
        # A sequential model has no `input` before it was called on its own.
        sequential = isinstance(model, keras.Sequential)
        return model.inputs[0] if sequential else model.input
    shapes = getattr(model, "_build_shapes_dict", None)
    if not model.built or not shapes:
        raise InputError(
            "A subclassed model is exported after its first call, or with its inputs "
            "declared.",
            f"model={type(model).__name__}, never called, input_signature=None",
            "Call it once, or pass input_signature, such as "
            'keras.InputSpec(shape=(None, None), dtype="int32", name="ids").',
        )
    shape = next(iter(shapes.values())) if len(shapes) == 1 else shapes
    return keras.tree.map_shape_structure(
        lambda x: keras.InputSpec(shape=(None, *x[1:]), dtype="float32"), shape
    )


def _named_inputs(structure):
    specs = []
    paths = keras.tree.flatten_with_path(structure)
    for index, (path, leaf) in enumerate(paths):
        name = getattr(leaf, "name", None) or (path[-1] if path else None)
        if not isinstance(name, str):
            name = "input" if len(paths) == 1 else f"input_{index}"
        dtype = keras.backend.standardize_dtype(leaf.dtype or "float32")
        specs.append(TensorSpec(name, dtype, _input_axes(name, leaf.shape)))
    if len({spec.name for spec in specs}) < len(specs):
        raise InputError(
            "Every input has a name of its own.",
            f"inputs={[spec.name for spec in specs]}",
            "Name each keras.InputSpec or keras.Input.",
        )
    return tuple(specs)


def _input_axes(name, shape):
    known = (BATCH, SEQUENCE)
    return tuple(
        size
        if size is not None
        else known[index]
        if index < len(known)
        else f"{name}_axis_{index}"
        for index, size in enumerate(shape)
    )


def _named_outputs(model, outputs):
    paths = keras.tree.flatten_with_path(outputs)
    names = getattr(model, "output_names", None) or []
    if isinstance(outputs, dict) or len(names) != len(paths):
        names = [str(path[-1]) if path else "output" for path, _ in paths]
        if not isinstance(outputs, dict) and len(paths) > 1:
            names = [f"output_{index}" for index in range(len(paths))]
    return dict(zip(names, (leaf for _, leaf in paths), strict=True))


def _check_float32(model):
    for layer in model._flatten_layers():
        if layer.compute_dtype in ("float16", "bfloat16"):
            raise InputError(
                "An export computes in float32; precision= makes the artefact smaller.",
                f"layer {layer.name!r} with compute_dtype={layer.compute_dtype}",
                'Rebuild the model under keras.config.set_dtype_policy("float32").',
            )
