"""`kzoo evaluate` of a language model: perplexity and bits per character."""

import dataclasses
import pathlib
import time
from typing import Any

from kzoo.cli import corpus_data, run_folder
from kzoo.cli.bars import bar
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.window_options import WindowOptions
from kzoo.files import read_json, write_json

# What a run's own cut of a text is made of.
_CUT = ("validation_share", "test_share", "documents")


def evaluate_language_model(
    model,
    run: str,
    spec: str,
    split: str | None,
    data: DataOptions,
    windows: WindowOptions,
    out: pathlib.Path,
    console: Console,
    batch_size: int,
) -> dict[str, Any]:
    """Measure a language model, write what came of it and tell it.

    Args:
        model: The model, with its tokenizer.
        run: Where it came from; the text it was trained on is cut as it was then.
        spec: The data spec.
        split: Which split; None is test, or validation where there is no test.
        data: How it is read.
        windows: Which windows are measured.
        out: The folder for `evaluation.json`.
        console: Where it is told.
        batch_size: How many windows run at once.

    Returns:
        What `evaluation.json` holds.

    Raises:
        InputError: If the data cannot be read or is too short.
    """
    import kzoo.data
    from kzoo.training import measure_perplexity

    record = _record_of(run)
    reading, notes = _as_trained(record, spec, data)
    known = corpus_data.splits_of(spec, reading)
    if split is None:
        split = next(name for name in ("test", "validation", "train") if name in known)
    with bar("tokenising", unit="characters", quiet=console.as_json) as progress:
        stream = kzoo.data.read_stream(
            spec, split, model.tokenizer, progress, **reading
        )
    console.heading(
        f"{spec}, {split}: {len(stream):,} tokens of {stream.characters:,} characters"
    )
    console.notes((*stream.notes, *notes))
    segments = bool(record.get("settings", {}).get("segments"))
    began = time.perf_counter()
    found = {}
    for protocol in windows.protocols():
        with bar(protocol, unit="windows", quiet=console.as_json) as progress:
            figures = measure_perplexity(
                model,
                stream,
                protocol=protocol,
                sequence_length=windows.sequence_length,
                stride=windows.stride if protocol == "sliding" else None,
                segments=segments,
                batch_size=batch_size,
                progress=progress,
            )
        found[protocol] = dataclasses.asdict(figures)
    seconds = time.perf_counter() - began
    result = {
        "data": {"spec": spec, "split": split, "sha256": stream.fingerprint()},
        "segments": segments,
        **found,
        "seconds": round(seconds, 3),
        "files": {"evaluation": str(out / "evaluation.json")},
    }
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "evaluation.json", result)
    _tell(found, result, console)
    return result


def _record_of(run: str) -> dict[str, Any]:
    path = pathlib.Path(run, run_folder.RECORD)
    record = read_json(path) if path.is_file() else {}
    return record if isinstance(record, dict) else {}


def _as_trained(record: dict[str, Any], spec: str, data: DataOptions):
    """Return how to read the text: as for the training, where options do not say."""
    reading = data.read_options()
    trained = record.get("data", {})
    if trained.get("spec") != spec or any(
        reading[name] not in (None, "file") for name in _CUT
    ):
        return reading, ()
    options = {name: trained.get("options", {}).get(name) for name in _CUT}
    changed = {k: v for k, v in options.items() if v is not None and v != reading[k]}
    if not changed:
        return reading, ()
    words = ", ".join(f"{name} {value}" for name, value in changed.items())
    return {**reading, **changed}, (f"cut as for the training: {words}",)


def _tell(found: dict[str, dict], result: dict[str, Any], console: Console) -> None:
    for protocol, row in found.items():
        stride = f", stride {row['stride']:,}" if protocol == "sliding" else ""
        console.say(f"  {protocol} windows of {row['sequence_length']:,}{stride}")
        console.say(f"    tokens predicted    {row['tokens']:,}")
        console.say(f"    loss                {row['loss']:.4f}")
        console.say(f"    perplexity          {row['perplexity']:,.4f}")
        console.say(f"    bits per character  {row['bits_per_character']:.4f}")
        console.say(f"    bits per byte       {row['bits_per_byte']:.4f}")
    console.say()
    console.say(f"  {result['files']['evaluation']}")
