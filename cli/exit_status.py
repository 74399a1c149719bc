"""From what a command raised to one line on standard error and an exit status."""

import os
import sys
import traceback
from typing import Any

import typer

from kzoo.errors import InputError
from kzoo.files import json_text

OK, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

# Typer brings click in different places; its own error classes show where.
_ClickException: type = typer.BadParameter.__mro__[2]

_EXTRAS = {
    "tensorflow": "tensorflow",
    "tensorflow_text": "export",
    "tf2onnx": "export",
    "onnx": "export",
    "onnx_ir": "export",
    "onnxruntime": "export",
    "onnxruntime_extensions": "export",
    "tensorflow_datasets": "data",
    "matplotlib": "plot",
    "tensorboard": "logging",
    "sacrebleu": "translation",
    "jax": "jax",
    "torch": "torch",
}


class Failure(RuntimeError):
    """The work was done as asked and did not succeed; the message says why.

    Args:
        message: Why.
        told: Whether the command has printed its object for machines already.
    """

    def __init__(self, message: str, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


class Interrupted(Exception):
    """Ctrl-C was taken and work was saved; the message says what there is.

    Not a `KeyboardInterrupt`, of which Typer would drop the message.
    """


class Terminated(Interrupted):
    """SIGTERM was taken, as a scheduler sends it, and work was saved."""


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit status of an error, and its line.

    Args:
        error: What a command raised.

    Returns:
        The status, and a message of one line; empty where there is nothing to say.
    """
    if isinstance(error, typer.Exit):
        return error.exit_code, ""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else FAILED), ""
    if isinstance(error, Terminated):
        return TERMINATED, _one_line(str(error))
    if isinstance(error, KeyboardInterrupt | typer.Abort | Interrupted):
        return INTERRUPTED, _one_line(str(error)) or "Interrupted."
    if isinstance(error, BrokenPipeError):
        return FAILED, ""
    if isinstance(error, InputError):
        return BAD_INPUT, _one_line(str(error))
    if isinstance(error, _ClickException):
        message = _one_line(error.format_message())
        return BAD_INPUT, f"{message} See --help." if message else ""
    if isinstance(error, Failure) or type(error).__name__ == "ExportError":
        return FAILED, _one_line(str(error))
    if isinstance(error, ModuleNotFoundError):
        name = (error.name or "").split(".")[0]
        extra = _EXTRAS.get(name)
        advice = f'pip install "kzoo[{extra}]"' if extra else f"install {name}"
        return FAILED, f"This needs the package {name}, which is absent: {advice}."
    if isinstance(error, OSError):
        where = f" {error.filename!r}" if error.filename else ""
        reason = error.strerror or str(error)
        return FAILED, f"Reading or writing{where} failed: {_one_line(reason)}."
    if isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        return FAILED, "Memory ran out. Lower --batch-size or --max-length."
    kind = type(error).__name__
    return FAILED, (
        f"{kind}: {_one_line(str(error), 300)} "
        "(a fault of kzoo or below it; KZOO_DEBUG=1 shows where)"
    )


def report(error: BaseException, as_json: bool) -> int:
    """Print an error's line, and for machines its object, and return its status.

    Args:
        error: What a command raised.
        as_json: Whether standard output owes an object.

    Returns:
        The exit status.
    """
    status, message = explain(error)
    if os.environ.get("KZOO_DEBUG") and status != OK:
        traceback.print_exception(error)
    if message:
        print(f"kzoo: {message}", file=sys.stderr, flush=True)
        if as_json and not getattr(error, "told", False):
            answer: dict[str, Any] = {"error": message, "exit_status": status}
            if getattr(error, "report", None) is not None:
                answer["report"] = error.report.to_dict()
            print(json_text(answer), flush=True)
    return status


def _one_line(text: str, limit: int = 2000) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
