"""Loading the library of onnxruntime-extensions beside TensorFlow."""

import ctypes
import importlib.util
import os
import pathlib


def extensions_library() -> str:
    """Return the path of the library that an ONNX Runtime session registers.

    TensorFlow opens its own copy of the protocol buffers to every library that is
    loaded after it, and the SentencePiece operator of onnxruntime-extensions crashes
    on that copy. So the library is loaded here, bound to what it brings itself; it
    stays loaded so. Where something else loaded it before, that has to have been
    before TensorFlow. The Python package of onnxruntime-extensions is not imported:
    it would import transformers and torch.

    Returns:
        What `onnxruntime_extensions.get_library_path()` returns.

    Raises:
        ImportError: onnxruntime-extensions is not installed.
    """
    spec = importlib.util.find_spec("onnxruntime_extensions")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("text.onnx needs onnxruntime-extensions")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    path = str(next(folder.glob("_extensions_pydll.*[od]")))
    if hasattr(os, "RTLD_DEEPBIND"):  # Linux alone has it, and the trouble
        ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_DEEPBIND)
    return path
