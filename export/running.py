"""Running an artefact's signatures in a fresh process."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from kzoo.export import run_artefact
from kzoo.export.errors import ExportError
from kzoo.export.signature import Signature


@dataclasses.dataclass(frozen=True)
class Answers:
    """What an artefact said.

    Args:
        inputs: Per signature, name -> (dtype, shape) as the runtime sees them.
        outputs: The same of the outputs.
        calls: Per signature, the outputs of each call.
        imports: Which packages of `run_artefact.WATCHED` the process had imported.
    """

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    calls: list[list[dict[str, np.ndarray]]]
    imports: tuple[str, ...]


def run(
    folder: pathlib.Path,
    requests: list[tuple[Signature, list[dict[str, np.ndarray]]]],
) -> Answers:
    """Run signatures of an artefact in a process without Keras and kzoo.

    Args:
        folder: The artefact.
        requests: Each signature with the inputs of its calls; strings as object
            arrays of bytes.

    Returns:
        The answers, in the order of the requests.

    Raises:
        ExportError: If the artefact does not open or does not run.
    """
    with tempfile.TemporaryDirectory() as name:
        exchange = pathlib.Path(name)
        request = [
            {
                "path": str(folder / signature.path),
                "runtime": signature.runtime,
                "signature": signature.name,
                "calls": [
                    run_artefact.packed(call, exchange, f"in_{number}_{index}")
                    for index, call in enumerate(calls)
                ],
            }
            for number, (signature, calls) in enumerate(requests)
        ]
        (exchange / "request.json").write_text(json.dumps(request))
        # -P: the script's own folder must not be searched for modules.
        command = [sys.executable, "-P", run_artefact.__file__, name]
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ExportError(
                "The artefact does not run in a process of its own. Received: "
                f"{last_line(done.stderr)}"
            )
        answer = json.loads((exchange / "answer.json").read_text())
        return Answers(
            [item["inputs"] for item in answer["signatures"]],
            [item["outputs"] for item in answer["signatures"]],
            [
                [
                    {k: run_artefact.unpacked(v, exchange) for k, v in call.items()}
                    for call in item["calls"]
                ]
                for item in answer["signatures"]
            ],
            tuple(answer["imports"]),
        )


def _environment():
    # On the CPU: a GPU may be full of the model that is compared.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**os.environ, **quiet}


def last_line(text: str) -> str:
    """Return the line of a traceback that says what happened."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line.split(":")[0]]
    return (errors or lines or ["no message"])[-1].strip()
