"""Which Keras backend a command runs on, chosen before Keras is imported."""

import contextlib
import importlib.util
import json
import logging
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator

from kzoo.errors import InputError, unknown_name
from kzoo.training.freed_memory import keep_freed_memory

BACKENDS = ("tensorflow", "jax", "torch")

# C++ libraries read these once, when they are loaded.
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "ABSL_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "GLOG_minloglevel": "3",
}
_NOISY = ("absl", "jax", "tensorflow", "tf2onnx", "onnxruntime", "huggingface_hub")

# Of GNU's OpenMP in turns, of LLVM's and Intel's in milliseconds.
_BRIEFLY = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "1"}


def quiet_libraries() -> None:
    """Silence the log lines of the libraries below us; errors still raise."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what C++ libraries write to standard error as they are loaded.

    TensorFlow greets before it reads its own log level. If the block raises, what
    was held back is written after all.
    """
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except ImportError:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def own_stdout() -> None:
    """Keep standard output for Python, for as long as the process lives.

    What C++ libraries print there, as Gloo does when processes of JAX meet, goes to
    standard error.
    """
    try:
        private = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        return
    sys.stdout = open(  # noqa: SIM115
        private,
        "w",
        encoding=sys.stdout.encoding,
        errors="backslashreplace",
        buffering=1,
    )


def choose_backend(name: str | None = None) -> str:
    """Choose the backend, load Keras on it, and return its name.

    The first that says so wins: the argument, `KERAS_BACKEND`, `keras.json` (if its
    backend is installed: Keras writes that file itself), the first one installed.

    Args:
        name: `"tensorflow"`, `"jax"`, `"torch"`, or None.

    Returns:
        The name, which `KERAS_BACKEND` now holds.

    Raises:
        InputError: If it is unknown, not installed, or Keras runs on another one.
    """
    chosen = name or os.environ.get("KERAS_BACKEND")
    if chosen is None:
        stored = _stored()
        found = [x for x in (stored, *BACKENDS) if x in BACKENDS and _installed(x)]
        if not found:
            raise InputError(
                "Keras computes with TensorFlow, JAX or PyTorch.",
                "none of them installed",
                'Install one: pip install "kzoo[torch]".',
            )
        chosen = found[0]
    if chosen not in BACKENDS:
        raise unknown_name("backend", chosen, BACKENDS)
    if not _installed(chosen):
        raise InputError(
            "The backend must be installed.",
            f"backend={chosen!r}",
            f'Install it: pip install "kzoo[{chosen}]".',
        )
    if "keras" in sys.modules:
        running = sys.modules["keras"].backend.backend()
        if running != chosen:
            raise InputError(
                "The backend is chosen before Keras is imported.",
                f"backend={chosen!r}, while Keras runs on {running}",
                "Start a new process.",
            )
    os.environ["KERAS_BACKEND"] = chosen
    keep_freed_memory()
    if chosen == "torch":
        _wait_briefly()
    if not os.environ.get("KZOO_DEBUG"):
        with quiet_stderr():
            import keras  # noqa: F401
    return chosen


def _wait_briefly() -> None:
    """Have torch's threads spin for some microseconds where they wait, and sleep then.

    Threads that spin for long starve each other where cores are shared: small steps
    were measured to take twenty times as long. Those that sleep at once take half as
    long again where they are alone.
    """
    if not any(name in os.environ for name in ("OMP_WAIT_POLICY", *_BRIEFLY)):
        os.environ.update(_BRIEFLY)


def _installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _stored() -> str | None:
    """Return the backend of the user's `keras.json`, or None."""
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    try:
        text = pathlib.Path(home, "keras.json").read_text(encoding="utf-8")
        return json.loads(text).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
