"""Run an artefact in a process that knows neither Keras nor kzoo.

A script, started by path: `python run_artefact.py FOLDER`, where FOLDER holds
`request.json`, as `kzoo.export.running` writes it, and receives `answer.json` and
the outputs. It imports NumPy and the runtime that a file needs, nothing else.
"""

import base64
import contextlib
import ctypes
import importlib.util
import json
import os
import pathlib
import sys

import numpy as np

# Packages that could help an artefact along; the answer says which were imported.
WATCHED = (
    "keras",
    "kzoo",
    "tensorflow",
    "tensorflow_text",
    "onnxruntime",
    "onnxruntime_extensions",
    "tokenizers",
    "transformers",
)


class TensorFlowRunner:
    """One signature of a SavedModel."""

    loaded: dict = {}

    def __init__(self, path, signature):
        import tensorflow as tf

        with contextlib.suppress(ImportError):
            import tensorflow_text  # noqa: F401  its ops may be in the graph

        if path not in self.loaded:
            self.loaded[path] = tf.saved_model.load(path)
        self.tf = tf
        self.function = self.loaded[path].signatures[signature]

    def inputs(self):
        """Return name -> (dtype, shape) of the inputs."""
        return self._described(self.function.structured_input_signature[1])

    def outputs(self):
        """Return name -> (dtype, shape) of the outputs."""
        return self._described(self.function.structured_outputs)

    def _described(self, specs):
        return {
            name: (spec.dtype.name, [None if x is None else int(x) for x in spec.shape])
            for name, spec in specs.items()
        }

    def run(self, inputs):
        """Return the outputs by name."""
        tensors = {name: self.tf.constant(value) for name, value in inputs.items()}
        return {name: x.numpy() for name, x in self.function(**tensors).items()}


class OnnxRunner:
    """One ONNX file."""

    def __init__(self, path, extensions):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if extensions:
            options.register_custom_ops_library(extensions_library())
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(path, options, providers)

    def inputs(self):
        """Return name -> (dtype, shape) of the inputs."""
        return self._described(self.session.get_inputs())

    def outputs(self):
        """Return name -> (dtype, shape) of the outputs."""
        return self._described(self.session.get_outputs())

    def _described(self, values):
        names = {"float": "float32", "double": "float64"}
        described = {}
        for value in values:
            dtype = value.type.removeprefix("tensor(").removesuffix(")")
            described[value.name] = (names.get(dtype, dtype), list(value.shape))
        return described

    def run(self, inputs):
        """Return the outputs by name."""
        names = [value.name for value in self.session.get_outputs()]
        inputs = {name: self._strings(value) for name, value in inputs.items()}
        return dict(zip(names, self.session.run(names, inputs), strict=True))

    def _strings(self, value):
        if value.dtype != object:
            return value
        try:
            texts = [text.decode("utf-8") for text in value.tolist()]
            return np.array(texts, dtype=object)
        except UnicodeDecodeError:
            # The only way for such bytes through the Python binding, which reads each
            # up to a zero: the longest one needs one behind it.
            longest = max(map(len, value))
            return np.array(value.tolist(), dtype=f"S{longest + 1}")


def extensions_library():
    """Return what `onnxruntime_extensions.get_library_path` does, having loaded it.

    Importing that package would import onnx and transformers too, for seconds. Why it
    is bound to its own symbols: see `kzoo.export.graph_tokenizers.onnx_extensions`.
    """
    spec = importlib.util.find_spec("onnxruntime_extensions")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("text.onnx needs onnxruntime-extensions")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    path = str(next(folder.glob("_extensions_pydll.*[od]")))
    if hasattr(os, "RTLD_DEEPBIND"):
        ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_DEEPBIND)
    return path


def main(folder):
    """Run every call of the request."""
    folder = pathlib.Path(folder)
    request = json.loads((folder / "request.json").read_text())
    answers = []
    for number, item in enumerate(request):
        if item["runtime"] == "tensorflow":
            runner = TensorFlowRunner(item["path"], item["signature"])
        else:
            runner = OnnxRunner(
                item["path"], item["runtime"] == "onnxruntime-extensions"
            )
        calls = []
        for index, inputs in enumerate(item["calls"]):
            outputs = runner.run({k: unpacked(v, folder) for k, v in inputs.items()})
            prefix = f"out_{number}_{index}"
            calls.append(packed(outputs, folder, prefix))
        answers.append(
            {"inputs": runner.inputs(), "outputs": runner.outputs(), "calls": calls}
        )
    imports = [name for name in WATCHED if name in sys.modules]
    answer = {"signatures": answers, "imports": imports}
    (folder / "answer.json").write_text(json.dumps(answer))


def packed(arrays, folder, prefix):
    """Return arrays as JSON: strings inside, numbers in files beside it."""
    values = {}
    for number, (name, array) in enumerate(arrays.items()):
        array = np.asarray(array)
        if array.dtype.kind in "OSU":
            texts = [x.encode() if isinstance(x, str) else x for x in array.tolist()]
            values[name] = {"texts": [base64.b64encode(x).decode() for x in texts]}
        else:
            file = f"{prefix}_{number}.npy"
            np.save(folder / file, array, allow_pickle=False)
            values[name] = {"file": file}
    return values


def unpacked(value, folder):
    """Return the array that `packed` made the value from."""
    if "texts" in value:
        texts = [base64.b64decode(x) for x in value["texts"]]
        array = np.empty(len(texts), dtype=object)
        array[:] = texts
        return array
    return np.load(folder / value["file"], allow_pickle=False)


if __name__ == "__main__":
    main(sys.argv[1])
