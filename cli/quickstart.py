"""`kzoo quickstart`: the whole way once, on text that needs no download."""

import pathlib
import shutil
import subprocess
import sys
import time
from typing import Annotated, Any

import typer

from kzoo.cli import answer, run_folder
from kzoo.cli.backend import choose_backend
from kzoo.cli.common import Backend, Json
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.evaluate import evaluate_model
from kzoo.cli.exit_status import Failure
from kzoo.cli.export import FORMATS, export_model
from kzoo.cli.job import Job
from kzoo.cli.train_options import ModelOptions, TrainOptions
from kzoo.errors import InputError
from kzoo.files import write_json

_SPEC = "demo:reviews"
_PRESET = "encoder-tiny"
_RECORD = "quickstart.json"
_TEXTS = (
    "The acting is superb, but the plot is dull.",
    "The acting is dull, but the plot is superb.",
    "I was never bored by the music.",
    "Lucky me: an evening full of clumsy dialogue.",
)


def quickstart(
    *,
    out: Annotated[
        pathlib.Path,
        typer.Option("--out", metavar="FOLDER", help="Where everything is written."),
    ] = pathlib.Path("quickstart"),
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of the training.", min=0)
    ] = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Train, evaluate, export, validate and serve a small classifier.

    On generated reviews, in about two minutes. Run again, it writes over
    its own folder.
    """
    _take(out)
    chosen = choose_backend(backend)
    console = Console(json)
    began = time.perf_counter()
    console.say(f"kzoo quickstart: from raw text to a served classifier, on {chosen}.")
    _step(console, 1, f"Train {_PRESET} on {_SPEC}")
    from kzoo.cli.training_job import run_training
    from kzoo.models import TextClassifier

    data, run = DataOptions(), out / "run"
    job = Job(
        _SPEC, None, run, data, ModelOptions(preset=_PRESET), TrainOptions(seed=seed)
    )
    training = run_training(job, console)
    model = TextClassifier.from_preset(run)

    _step(console, 2, "Evaluate on reviews that it has not seen")
    evaluation = evaluate_model(model, _SPEC, "test", data, run / "evaluation", console)

    _step(console, 3, "Export as SavedModel and ONNX, each validated before it appears")
    reports = {}
    for name in FORMATS:
        reports[name] = export_model(model, out / name, name)
        console.say(reports[name].summary())

    _step(console, 4, "Validate both artefacts once more, as kzoo validate does")
    from kzoo.export import validate

    for name in FORMATS:
        report = validate(out / name, model)
        console.say(f"  {out / name}: {'passed' if report.passed else 'FAILED'}")
        if not report.passed:
            raise Failure(f"{out / name}: {' '.join(report.reasons)}")

    _step(console, 5, "Answer through ONNX Runtime, in a process of its own")
    served = _serve(out, console)
    agree = [row["label"] for row in served["answers"]] == [
        row.label for row in model.classify(list(_TEXTS))
    ]
    if not agree:
        raise Failure("The served answers are not those of the model.")
    seconds = time.perf_counter() - began
    result = {
        "seconds": round(seconds, 1),
        "backend": chosen,
        "test_accuracy": evaluation["accuracy"],
        "training_seconds": training["seconds"],
        "passed": {name: report.passed for name, report in reports.items()},
        "served": served,
        "files": {name: str(out / name) for name in ("run", *FORMATS)},
    }
    write_json(out / _RECORD, result)
    _account(result, out, console)
    console.finish(result)


def _take(out: pathlib.Path) -> None:
    """Make the folder, empty of what an older quickstart wrote."""
    if out.exists() and (
        not out.is_dir() or (any(out.iterdir()) and not (out / _RECORD).is_file())
    ):
        raise InputError(
            "The quickstart writes into a folder of its own.",
            f"--out {out}, which holds something else",
            "Name another folder.",
        )
    out.mkdir(parents=True, exist_ok=True)
    # From here on the folder is known as ours, even if this run is cut short.
    write_json(out / _RECORD, {"passed": False})
    for name in FORMATS:
        if (out / name).is_dir():
            shutil.rmtree(out / name)
    run_folder.clear(out / "run")


def _step(console: Console, number: int, what: str) -> None:
    console.heading(f"[{number}/5] {what}")


def _serve(out: pathlib.Path, console: Console) -> dict[str, Any]:
    """Answer through the ONNX artefact in a fresh process, and say what it loaded."""
    script = out / "answer.py"
    shutil.copyfile(answer.__file__, script)
    # -I: this process sees neither the working folder nor PYTHONPATH.
    command = [sys.executable, "-I", str(script), str(out / "onnx"), *_TEXTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    if done.returncode or len(lines) != len(_TEXTS) + 1:
        tail = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise Failure(f"The serving process failed: {tail}")
    answers = [
        {"label": label, "score": float(score), "text": text}
        for label, score, text in lines[:-1]
    ]
    imported = lines[-1][1]
    for row in answers:
        console.say(f"  {row['label']:9} {row['score']:.3f}  {row['text']}")
    console.say(f"  imported of {lines[-1][2]}: {imported}")
    if imported != "none":
        raise Failure(f"The serving process imported {imported}.")
    return {"answers": answers, "imported": imported, "script": str(script)}


def _account(result: dict[str, Any], out: pathlib.Path, console: Console) -> None:
    console.heading(
        f"Done in {result['seconds']:.0f} s: test accuracy "
        f"{result['test_accuracy']:.4f}, both artefacts equal to their model."
    )
    for path, what in (
        ("run", "the trained model: kzoo.models.TextClassifier.from_preset"),
        ("run/evaluation", "figures, confusion.png, calibration.png"),
        ("saved-model", "text in, label out: TensorFlow, TF Serving"),
        ("onnx", "text.onnx and model.onnx: ONNX Runtime, OpenVINO, Node"),
        ("answer.py", "how to serve it without kzoo"),
    ):
        console.say(f"  {out / path!s:28} {what}")
    console.say()
    console.say(f'Next: kzoo classify {out / "run"} "your own words"')
    console.say("      kzoo train classifier --data reviews.csv --preset encoder-small "
                "--out run")  # fmt: skip
