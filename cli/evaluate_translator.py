"""`kzoo evaluate` of a translator: loss, perplexity, BLEU and chrF."""

import math
import pathlib
import time
from typing import Any

from kzoo.cli import run_folder
from kzoo.cli.console import Console
from kzoo.cli.data_options import DataOptions
from kzoo.cli.translating_options import TranslatingOptions
from kzoo.cli.translation_data import tokenise
from kzoo.cli.translation_scoring import (
    check_lengths,
    tell_scores,
    translate_all,
)
from kzoo.files import read_json, replacing, write_json

# What a run's own reading of its data is made of.
_AS_TRAINED = ("validation_share", "test_share")
_LANGUAGES = ("source_language", "target_language")
_COLUMNS = ("source_column", "target_column")


def evaluate_translator(
    model,
    run: str,
    spec: str,
    split: str | None,
    data: DataOptions,
    search: TranslatingOptions,
    out: pathlib.Path,
    console: Console,
    *,
    predictions: pathlib.Path | None = None,
    bleu_tokenize: str | None = None,
    ter: bool = False,
    batch_size: int = 16,
) -> dict[str, Any]:
    """Measure a translator, write what came of it and tell it.

    Args:
        model: The model, with its tokenizer.
        run: Where it came from; what it was trained on is read as it was then.
        spec: The data spec.
        split: Which split; None is test, or validation where there is no test.
        data: How it is read.
        search: How translations are searched for.
        out: The folder for `evaluation.json`.
        console: Where it is told.
        predictions: A file for the translations, a line each, or None.
        bleu_tokenize: How BLEU finds words; None is as the target language asks.
        ter: Whether the translation edit rate is measured too.
        batch_size: How many sentences run at once.

    Returns:
        What `evaluation.json` holds.

    Raises:
        InputError: If the data cannot be read, or a pair is too long.
    """
    import kzoo.data
    from kzoo.training import score_translations
    from kzoo.training.translation_quality import bleu_tokenizer, check_bleu_tokenizer

    reading, notes = _as_trained(run, spec, data)
    known = kzoo.data.pair_splits(spec, **reading)
    if split is None:
        first = ("test", "validation", "train")
        split = next((name for name in first if name in known), "test")
    pairs = kzoo.data.read_pairs(spec, split, **reading)
    tokenize = bleu_tokenize or bleu_tokenizer(pairs.target_language)
    check_bleu_tokenizer(tokenize)
    console.heading(f"{spec}, {split}: {len(pairs):,} pairs, {pairs.direction}")
    console.notes((*pairs.notes, *notes))
    check_lengths(model, list(pairs.sources), bool(search.split_sentences), what="pair")
    loss = _loss(model, pairs, console, batch_size)
    began = time.perf_counter()
    options = {**search.given(), "batch_size": batch_size}
    translations = translate_all(model, list(pairs.sources), console, **options)
    seconds = time.perf_counter() - began
    scores = score_translations(translations, pairs.targets, tokenize=tokenize, ter=ter)
    result = {
        "data": {
            "spec": spec,
            "split": split,
            "pairs": len(pairs),
            "source_language": pairs.source_language,
            "target_language": pairs.target_language,
            "sha256": pairs.fingerprint(),
        },
        **loss,
        "search": {"num_beams": 4, "length_penalty": 1.0, **options},
        **scores,
        "seconds": round(seconds, 3),
        "sentences_per_second": round(len(pairs) / seconds, 2),
        "files": {"evaluation": str(out / "evaluation.json")},
    }
    if predictions is not None:
        _write(predictions, translations)
        result["files"]["predictions"] = str(predictions)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "evaluation.json", result)
    _tell(result, console)
    return result


def _as_trained(run: str, spec: str, data: DataOptions):
    """Return how to read the pairs: as for the training, where options do not say."""
    reading = data.read_options()
    path = pathlib.Path(run, run_folder.RECORD)
    record = read_json(path) if path.is_file() else {}
    trained = record.get("data", {}) if isinstance(record, dict) else {}
    options = trained.get("options", {})
    names = []
    if all(reading[name] is None for name in (*_LANGUAGES, *_COLUMNS)):
        names += _LANGUAGES  # a run's direction goes with other data too
        names += _COLUMNS if trained.get("spec") == spec else ()
    if trained.get("spec") == spec and all(reading[n] is None for n in _AS_TRAINED):
        names += _AS_TRAINED
    changed = {n: options[n] for n in names if options.get(n) is not None}
    if not changed:
        return reading, ()
    words = ", ".join(f"{name} {value}" for name, value in changed.items())
    return {**reading, **changed}, (f"read as for the training: {words}",)


def _loss(model, pairs, console: Console, batch_size: int) -> dict[str, Any]:
    """Return the cross-entropy of the references, by token, without smoothing."""
    import kzoo.data
    from kzoo.training import compile_translator

    split = tokenise(pairs, model.tokenizer, model.max_sequence_length, "drop", console)
    left_out = len(pairs) - len(split)
    if left_out:
        console.notes(split.tokens.notes[len(pairs.notes) :])
    batches = kzoo.data.translation_batches(
        split.tokens,
        model.tokenizer,
        batch_size=batch_size,
        shuffle=False,
        start_id=model.start_id,
        pad_id=model.pad_id,
    )
    compile_translator(model, label_smoothing=0.0, metrics=("accuracy", "perplexity"))
    found = model.evaluate(batches, return_dict=True, verbose=0)
    perplexity = float(found["perplexity"])
    return {
        "tokens": len(split.tokens.targets.flat),
        "loss": math.log(perplexity),
        "perplexity": perplexity,
        "accuracy": float(found["accuracy"]),
        "pairs_without_loss": left_out,
    }


def _write(path: pathlib.Path, translations: list[str]) -> None:
    from kzoo.cli.arriving import cell

    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for text in translations:
            file.write(cell(text) + "\n")


def _tell(result: dict[str, Any], console: Console) -> None:
    console.say(f"  target tokens     {result['tokens']:>9,}")
    console.say(f"  loss              {result['loss']:9.4f}")
    console.say(f"  perplexity        {result['perplexity']:9.4f}")
    console.say(f"  token accuracy    {result['accuracy']:9.4f}")
    console.say()
    tell_scores(result, console)
    search = result["search"]
    console.say(
        f"  by {search['num_beams']} beams, {result['sentences_per_second']:,.1f} "
        "sentences/s"
    )
    console.say()
    for path in result["files"].values():
        console.say(f"  {path}")
