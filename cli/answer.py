"""Answer texts with an exported classifier: ONNX Runtime and nothing of kzoo.

    python answer.py ARTEFACT TEXT ...

Prints label, score and text in a line each, and then which of the libraries that a
model is trained with this process has imported: none.
"""

import importlib.util
import pathlib
import sys
from typing import Any

TRAINING = ("keras", "kzoo", "tensorflow", "jax", "torch", "transformers")


def answer(artefact, texts):
    """Return the label and the scores of each text."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions_library())
    session = onnxruntime.InferenceSession(
        str(pathlib.Path(artefact, "text.onnx")),
        options,
        providers=["CPUExecutionProvider"],
    )
    answers: Any = session.run(["label", "scores"], {"text": texts})
    return answers


def extensions_library():
    """Return what `onnxruntime_extensions.get_library_path` does.

    That package imports transformers and torch, if they are installed.
    """
    spec = importlib.util.find_spec("onnxruntime_extensions")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("text.onnx needs onnxruntime-extensions")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    return str(next(folder.glob("_extensions_pydll.*[od]")))


if __name__ == "__main__":
    labels, scores = answer(sys.argv[1], sys.argv[2:])
    for text, label, row in zip(sys.argv[2:], labels, scores, strict=True):
        print(f"{label}\t{max(row):.4f}\t{text}")
    found = [name for name in TRAINING if name in sys.modules]
    print(f"imported\t{', '.join(found) or 'none'}\t{', '.join(TRAINING)}")
