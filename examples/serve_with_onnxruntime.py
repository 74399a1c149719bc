"""Label texts with an exported classifier; needs neither Keras nor kzoo.

pip install onnxruntime onnxruntime-extensions numpy
python serve_with_onnxruntime.py ARTEFACT "a fine film" "a dull one"
python serve_with_onnxruntime.py ARTEFACT < reviews.txt        (one text a line)
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime
from onnxruntime_extensions import get_library_path

BATCH_SIZE = 32


def load(artefact):
    """Return a session of the artefact's text form, and its label names."""
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(get_library_path())
    session = onnxruntime.InferenceSession(pathlib.Path(artefact, "text.onnx"), options)
    manifest = json.loads(pathlib.Path(artefact, "kzoo.json").read_text("utf-8"))
    return session, manifest["label_names"]


def classify(session, texts):
    """Return the label, a string, and the scores, (classes,), of each text."""
    for start in range(0, len(texts), BATCH_SIZE):
        batch = np.array(texts[start : start + BATCH_SIZE], dtype=object)
        labels, scores = session.run(["label", "scores"], {"text": batch})
        yield from zip(labels, scores, strict=True)


def main(artefact, *texts):
    """Print one JSON object for each text."""
    session, label_names = load(artefact)
    texts = texts or [line.rstrip("\n") for line in sys.stdin]
    for text, (label, scores) in zip(texts, classify(session, texts), strict=True):
        rounded = [round(float(score), 4) for score in scores]
        named = dict(zip(label_names, rounded, strict=True))
        print(json.dumps({"text": text, "label": label, "scores": named}))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
