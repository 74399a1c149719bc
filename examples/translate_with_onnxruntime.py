"""Translate texts with an exported translator; needs neither Keras nor kzoo.

pip install onnxruntime onnxruntime-extensions numpy
python translate_with_onnxruntime.py ARTEFACT "Ein Hund läuft." "Guten Tag!"
"""

import pathlib
import sys

import numpy as np
import onnxruntime
from onnxruntime_extensions import get_library_path


def load(artefact):
    """Return a session of the artefact's text form."""
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(get_library_path())
    return onnxruntime.InferenceSession(pathlib.Path(artefact, "text.onnx"), options)


def translate(session, texts):
    """Return the translation of each text and its score."""
    feeds = {"text": np.array(texts, dtype=object)}
    translations, scores = session.run(["translation", "score"], feeds)
    return list(zip(translations.tolist(), scores.tolist(), strict=True))


def main(artefact, *texts):
    """Print each text's score and translation."""
    for translation, score in translate(load(artefact), texts):
        print(f"{score:.3f}\t{translation}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
