"""Answer texts with an exported classifier: ONNX Runtime and nothing of kzoo.

    python answer.py ARTEFACT TEXT ...

Prints label, score and text in a line each, and then which of the libraries that a
model is trained with this process has imported: none.
"""

import pathlib
import sys

TRAINING = ("keras", "kzoo", "tensorflow", "jax", "torch", "transformers")


def answer(artefact, texts):
    """Return the label and the scores of each text."""
    import onnxruntime
    import onnxruntime_extensions

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    session = onnxruntime.InferenceSession(
        str(pathlib.Path(artefact, "text.onnx")),
        options,
        providers=["CPUExecutionProvider"],
    )
    return session.run(["label", "scores"], {"text": texts})


if __name__ == "__main__":
    labels, scores = answer(sys.argv[1], sys.argv[2:])
    for text, label, row in zip(sys.argv[2:], labels, scores, strict=True):
        print(f"{label}\t{max(row):.4f}\t{text}")
    found = [name for name in TRAINING if name in sys.modules]
    print(f"imported\t{', '.join(found) or 'none'}\t{', '.join(TRAINING)}")
