"""Writing an artefact of a JAX or torch model: by a TensorFlow-backend process.

Run as `python -m kzoo.export.child REQUEST`, it loads the model that the parent
saved and writes the files; the parent validates them against its own model.
"""

import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

import keras

from kzoo.errors import InputError
from kzoo.export.errors import ExportError
from kzoo.export.options import Options

_TAG = "kzoo.export: "


def write_in_child(
    model, folder: pathlib.Path, options: Options, *, format, layout, input_signature
) -> None:
    """Write a model's artefact by a child process on the TensorFlow backend.

    Args:
        model: The model, of any backend.
        folder: Where to write; it exists and is empty.
        options: How.
        format: `"saved-model"` or `"onnx"`.
        layout: The layout.
        input_signature: See `CallSubject`, or None.

    Raises:
        InputError: If the model is of a class that another process cannot import.
        ExportError: If the child fails; the message is the child's.
    """
    with tempfile.TemporaryDirectory() as name:
        request = {
            "model": _saved(model, pathlib.Path(name)),
            "class": [type(model).__module__, type(model).__qualname__],
            "classes": _custom_classes(model),
            "input_signature": _packed(input_signature),
            "folder": str(folder),
            "format": format,
            "layout": layout,
            "options": dataclasses.asdict(options),
            "path": [path for path in sys.path if path],
        }
        path = pathlib.Path(name, "request.json")
        path.write_text(json.dumps(request))
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # Writing needs no GPU, and the parent may hold all of its memory.
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "kzoo.export.child", str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        _raise_as_told(done.stderr)


def _raise_as_told(stderr):
    for line in reversed(stderr.splitlines()):
        if line.startswith(_TAG):
            told = json.loads(line.removeprefix(_TAG))
            if told["kind"] == "InputError":
                raise InputError(*told["parts"])
            if told["kind"] == "OSError":
                raise OSError(*told["parts"])
            raise ExportError(told["parts"][0])
    lines = stderr.strip().splitlines() or ["no message"]
    raise ExportError(
        "The TensorFlow-backend process that writes the artefact failed. Received: "
        f"{lines[-1]}. Install kzoo[export] if TensorFlow is missing."
    )


def _saved(model, folder):
    path = folder / "model.keras"
    try:
        if hasattr(model, "save_to_preset"):
            path = folder / "preset"
            model.save_to_preset(path)
        else:
            model.save(path)
    except Exception as error:  # each format's writer has errors of its own
        raise ExportError(
            "The model could not be saved for the process that exports it. Received: "
            f"{type(error).__name__}: {error}"
        ) from error
    return str(path)


def _custom_classes(model):
    """Return module and name of every class that is not Keras's or kzoo's own."""
    found = set()
    for layer in model._flatten_layers():
        cls = type(layer)
        if cls.__module__.split(".")[0] in ("keras", "kzoo"):
            continue
        if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
            raise InputError(
                "On this backend a model is exported by another process, which must "
                "be able to import its classes.",
                f"class {cls.__qualname__} of {cls.__module__}",
                "Define it at the top of a module, or train and export with "
                "KERAS_BACKEND=tensorflow.",
            )
        found.add((cls.__module__, cls.__qualname__))
    return sorted(found)


def _packed(structure):
    """Return a structure of specs as JSON values."""
    if isinstance(structure, dict):
        return {"dict": {key: _packed(value) for key, value in structure.items()}}
    if isinstance(structure, list | tuple):
        return {"list": [_packed(value) for value in structure]}
    if structure is None:
        return None
    dtype = keras.backend.standardize_dtype(structure.dtype or "float32")
    shape = list(structure.shape)
    return {"spec": [shape, dtype, getattr(structure, "name", None)]}


def _unpacked(value):
    if value is None:
        return None
    if "dict" in value:
        return {key: _unpacked(item) for key, item in value["dict"].items()}
    if "list" in value:
        return [_unpacked(item) for item in value["list"]]
    shape, dtype, name = value["spec"]
    return keras.InputSpec(shape=tuple(shape), dtype=dtype, name=name)


def _load(request):
    if pathlib.Path(request["model"]).is_dir():
        module, name = request["class"]
        return getattr(importlib.import_module(module), name).from_preset(
            request["model"]
        )
    classes = {}
    for module, name in request["classes"]:
        value = importlib.import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
        classes[value.__name__] = value
    return keras.saving.load_model(
        request["model"], custom_objects=classes, compile=False
    )


def main(path: str) -> None:
    """Write what a request asks for."""
    from kzoo.export.subjects import subject_of
    from kzoo.export.writers import writer_of

    request = json.loads(pathlib.Path(path).read_text())
    sys.path.extend(path for path in request["path"] if path not in sys.path)
    options = Options.from_dict(request["options"])
    writer = writer_of(request["format"], request["layout"], options.precision)
    signature = _unpacked(request["input_signature"])
    model = _load(request)
    subject = subject_of(model, input_signature=signature, search=options.search)
    writer.write(writer.subject(subject), pathlib.Path(request["folder"]), options)


def _tell(error) -> None:
    """Print an error for the parent to raise."""
    kind, parts = "ExportError", [f"{type(error).__name__}: {error}"]
    if isinstance(error, InputError):
        kind, parts = "InputError", [error.rule, error.received, error.fix]
    elif isinstance(error, ExportError):
        parts = [str(error)]
    elif isinstance(error, OSError) and error.errno:
        kind, parts = "OSError", [error.errno, error.strerror]
    print(_TAG + json.dumps({"kind": kind, "parts": parts}), file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:  # noqa: BLE001  the parent raises it again
        traceback.print_exc()
        _tell(error)
        sys.exit(1)
