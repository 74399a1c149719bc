"""Complete texts with an exported GPT-2; needs neither Keras nor kzoo.

pip install onnxruntime onnxruntime-extensions numpy
python generate_with_onnxruntime.py ARTEFACT 40 "Once upon a time" "A fox"
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


def complete(session, texts, max_new_tokens):
    """Return the completion of each text, without the text."""
    feeds = {
        "text": np.array(texts, dtype=object),
        "max_new_tokens": np.array(max_new_tokens, dtype="int32"),
    }
    (completions,) = session.run(["completion"], feeds)
    return completions.tolist()


def main(artefact, max_new_tokens, *texts):
    """Print each text with its completion."""
    completions = complete(load(artefact), texts, int(max_new_tokens))
    for text, completion in zip(texts, completions, strict=True):
        print(text + completion)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
