"""`kzoo evaluate`: figures and pictures of how good a model is."""

import json as json_format
import pathlib
import time
from typing import Annotated, Any

import typer

from kzoo.cli.backend import choose_backend
from kzoo.cli.bars import bar
from kzoo.cli.common import (
    Backend,
    BatchSize,
    Json,
    Run,
    open_model,
)
from kzoo.cli.console import Console
from kzoo.cli.data_options import Data, DataOptions
from kzoo.cli.families import class_name, family_of
from kzoo.cli.option_groups import with_groups
from kzoo.cli.translating_options import TranslatingOptions
from kzoo.cli.window_options import WindowOptions
from kzoo.errors import InputError


@with_groups
def evaluate(
    run: Run,
    *,
    spec: Data,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="train|validation|test|all",
            help="Which part, or a name of the data's own such as test_2016_flickr; "
            "by default test, or the one part that is there.",
            rich_help_panel="Data",
        ),
    ] = None,
    data: DataOptions,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where evaluation.json and the pictures go; by default "
            "RUN/evaluation.",
        ),
    ] = None,
    predictions: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Write every text with its label and scores, as jsonl; of a "
            "translator the translations, a line each.",
        ),
    ] = None,
    windows: WindowOptions,
    search: TranslatingOptions,
    bleu_tokenize: Annotated[
        str | None,
        typer.Option(
            "--bleu-tokenize",
            metavar="13a|zh|char|intl|...",
            help="How BLEU finds words; by default as the target language asks.",
            rich_help_panel="Translator",
        ),
    ] = None,
    ter: Annotated[
        bool,
        typer.Option(
            "--ter",
            help="Measure the translation edit rate too, which takes its time.",
            rich_help_panel="Translator",
        ),
    ] = False,
    batch_size: BatchSize = 64,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Measure a classifier, a translator or a language model.

    A classifier: accuracy, F1, confusion, calibration, in evaluation.json,
    confusion.png and calibration.png. A translator: loss and perplexity of
    the references, BLEU, lower-cased BLEU and chrF of its translations by
    sacreBLEU, with its signatures. A language model: loss, perplexity and
    bits per character by disjoint and by sliding windows. Both in
    evaluation.json.
    """
    if out is None:
        if run.startswith("hf://"):
            raise InputError(
                "An evaluation is written into a folder.",
                f"run={run}, which is none of this machine",
                "Name one: --out FOLDER.",
            )
        out = pathlib.Path(run, "evaluation")
    choose_backend(backend)
    console = Console(json)
    family = family_of(run)
    if family != "gpt2":
        windows.refuse()
    if family != "translator":
        search.refuse()
        if bleu_tokenize or ter:
            raise InputError(
                "BLEU and TER are for translators.",
                "--bleu-tokenize or --ter for another family",
                "Leave it out.",
            )
    if family == "gpt2" and predictions is not None:
        raise InputError(
            "A language model has no label for each text to write.",
            f"--predictions {predictions}",
            "Leave it out.",
        )
    model = open_model(run, class_name(family))
    if family == "translator":
        from kzoo.cli.evaluate_translator import evaluate_translator

        result = evaluate_translator(
            model, run, spec, split, data, search, out, console,
            predictions=predictions, bleu_tokenize=bleu_tokenize, ter=ter,
            batch_size=batch_size,
        )  # fmt: skip
        console.finish({"run": run, **result})
        return
    if family == "gpt2":
        from kzoo.cli.evaluate_gpt2 import evaluate_language_model

        result = evaluate_language_model(
            model, run, spec, split, data, windows, out, console, batch_size,
        )  # fmt: skip
        console.finish({"run": run, **result})
        return
    result = evaluate_model(
        model, spec, split, data, out, console, predictions, batch_size
    )
    console.finish({"run": run, **result})


def evaluate_model(
    model,
    spec: str,
    split: str | None,
    data: DataOptions,
    out: pathlib.Path,
    console: Console,
    predictions: pathlib.Path | None = None,
    batch_size: int = 64,
) -> dict[str, Any]:
    """Evaluate a classifier, write what came of it and tell it.

    Args:
        model: The classifier.
        spec: The data spec.
        split: Which split, or None for the default.
        data: How it is read.
        out: The folder for `evaluation.json` and the pictures.
        console: Where it is told.
        predictions: A file for every text's prediction, or None.
        batch_size: How many texts run at once.

    Returns:
        What `evaluation.json` holds.

    Raises:
        InputError: If the data cannot be read or has a label unknown to the model.
    """
    import kzoo.data
    from kzoo.cli import figures
    from kzoo.files import write_json
    from kzoo.models.classification import predict_logits, softmax
    from kzoo.training import classification_metrics

    reading = data.read_options()
    split = split or _default_split(kzoo.data.available_splits(spec, **reading))
    examples = kzoo.data.read(spec, split, label_names=model.label_names, **reading)
    console.heading(f"{spec}, {split}: {len(examples):,} examples")
    console.notes(examples.notes)
    began = time.perf_counter()
    with bar("evaluating", quiet=console.as_json) as progress:
        logits = predict_logits(
            model, examples.texts, batch_size=batch_size, progress=progress
        )
    seconds = time.perf_counter() - began
    probabilities = softmax(logits)
    metrics = classification_metrics(examples.labels, probabilities, model.label_names)
    result = {
        "data": {"spec": spec, "split": split, "sha256": examples.fingerprint()},
        **metrics,
        "seconds": round(seconds, 3),
        "examples_per_second": round(len(examples) / seconds, 1),
        "files": {
            "evaluation": str(out / "evaluation.json"),
            "confusion": str(out / "confusion.png"),
            "calibration": str(out / "calibration.png"),
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    if predictions is not None:
        _write_predictions(predictions, examples, probabilities)
        result["files"]["predictions"] = str(predictions)
    figures.confusion(metrics, model.label_names, out / "confusion.png")
    figures.calibration(metrics, out / "calibration.png")
    write_json(out / "evaluation.json", result)
    _tell(result, console)
    return result


def _default_split(splits: dict[str, str]) -> str:
    return next(iter(splits)) if len(splits) == 1 else "test"


def _write_predictions(path: pathlib.Path, examples, probabilities) -> None:
    from kzoo.files import replacing

    names = examples.label_names
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        rows = zip(examples.texts, examples.labels, probabilities, strict=True)
        for text, label, row in rows:
            best = int(row.argmax())
            line = {
                "text": as_json_text(text),
                "label": names[label],
                "predicted": names[best],
                "score": float(row[best]),
                "scores": dict(zip(names, row.tolist(), strict=True)),
            }
            file.write(json_format.dumps(line, ensure_ascii=False) + "\n")


def as_json_text(text: str | bytes | tuple[str | bytes, ...]) -> str | list[str]:
    """Return a text as JSON holds it; a pair is a list."""
    if isinstance(text, tuple):
        return [printable(part) for part in text]
    return printable(text)


def printable(text: str | bytes) -> str:
    """Return a text that UTF-8 can hold; what it cannot becomes a replacement."""
    if isinstance(text, bytes):
        return text.decode("utf-8", errors="replace")
    # A lone surrogate has no UTF-8 either.
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _tell(result: dict[str, Any], console: Console) -> None:
    console.say(f"  accuracy           {result['accuracy']:.4f}")
    console.say(f"  macro F1           {result['macro_f1']:.4f}")
    console.say(f"  log loss           {result['log_loss']:.4f}")
    console.say(f"  Brier score        {result['brier']:.4f}")
    console.say(f"  calibration error  {result['calibration_error']:.4f}")
    console.say(f"  examples/s         {result['examples_per_second']:,.0f}")
    console.say()
    console.table(
        ("label", "precision", "recall", "F1", "examples"),
        (
            (name, *(f"{row[k]:.4f}" for k in ("precision", "recall", "f1")))
            + (f"{row['support']:,}",)
            for name, row in result["labels"].items()
        ),
    )
    console.say()
    names = list(result["labels"])
    console.say("Confusion (a row is the true label, a column the prediction)")
    console.table(
        ("", *names),
        (
            (name, *(f"{n:,}" for n in row))
            for name, row in zip(names, result["confusion"], strict=True)
        ),
    )
    console.say()
    for path in result["files"].values():
        console.say(f"  {path}")
