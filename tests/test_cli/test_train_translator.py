"""`kzoo train translator` and `kzoo evaluate` of its run."""

import json

import numpy as np
import pytest
import sacrebleu
from support.commands import BACKEND, command, one_line
from support.small_pairs import small_pairs, translator_arguments, write_pairs

from kzoo.models import Translator
from kzoo.training import read_history


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "de-en")


def test_a_run_from_pairs_to_folder(pairs, tmp_path, capfd):
    out = tmp_path / "run"
    done = command(
        capfd, *translator_arguments(out, pairs, steps=6), "--epoch-steps", 2,
        "--decay", "inverse-sqrt", "--warmup", 2, "--average-last", 2,
        "--validation-size", 5, "--validation-beams", 2, "--label-smoothing", 0.2,
        "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = done.json
    data = record["data"]
    assert (data["source_language"], data["target_language"]) == ("de", "en")
    assert (data["train"]["pairs"], data["validation"]["pairs"]) == (60, 13)
    settings = record["settings"]
    assert (settings["epochs"], settings["total_steps"]) == (3, 6)
    assert settings["monitor"] == "val_bleu"
    assert "batch_tokens" not in settings
    assert {"loss", "val_loss", "val_perplexity", "val_bleu", "val_chrf"} < set(
        record["metrics"]
    )
    assert record["metrics"]["tokens_per_second"] >= 0
    assert record["average"]["weights"] == 2
    found = record["translation"]
    assert (found["num_beams"], found["sentences"]) == (2, 5)
    assert found["signatures"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")
    assert set(found["examples"][0]) == {"source", "reference", "translation"}
    rows = [row for row in read_history(out) if row["kind"] == "epoch"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    model = Translator.from_preset(out)
    assert model.count_params() == record["model"]["parameters"]
    assert model.tokenizer.is_shared
    assert model.pad_id == model.start_id == model.tokenizer.pad_id
    again = model.translate(found["examples"][0]["source"], num_beams=2)
    assert again == [found["examples"][0]["translation"]]


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    from kzoo.cli.app import run as run_command

    out = tmp_path_factory.mktemp("runs") / "run"
    given = translator_arguments(out, pairs, steps=2)
    assert run_command([str(argument) for argument in given]) == 0
    return out


@pytest.mark.slow_on("jax", "tensorflow")
def test_evaluation_is_that_of_the_parts(run, pairs, tmp_path, capfd):
    written = tmp_path / "translations.txt"
    done = command(
        capfd, "evaluate", run, "--data", pairs, "--num-beams", 2, "--ter",
        "--predictions", written, "--batch-size", 7, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    found = done.json
    assert found["data"]["split"] == "validation"  # there is no test
    assert found["data"]["target_language"] == "en"  # as it was trained
    model = Translator.from_preset(run)
    german, english = small_pairs(73)
    translations = model.translate(german[60:], num_beams=2)
    assert written.read_text().splitlines() == translations
    bleu = sacrebleu.corpus_bleu(translations, [english[60:]])
    assert found["bleu"] == pytest.approx(bleu.score)
    assert found["ter"] >= 0
    losses, count = reference_losses(model, german[60:], english[60:])
    assert found["tokens"] == count
    assert found["loss"] == pytest.approx(losses / count, rel=1e-4)
    assert found["perplexity"] == pytest.approx(np.exp(losses / count), rel=1e-4)
    stored = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert stored["bleu"] == found["bleu"]
    record = json.loads((run / "training.json").read_text())
    assert found["perplexity"] == pytest.approx(
        record["metrics"]["val_perplexity"], rel=1e-3
    )


def reference_losses(model, sources, targets):
    """Return the cross-entropy of all target tokens in NumPy, one pair at a time."""
    total, count = 0.0, 0
    tokenizer, width = model.tokenizer, model.max_sequence_length
    for source, target in zip(sources, targets, strict=True):
        ids = tokenizer.encode_source([source]).ids[0]
        labels = tokenizer.encode_target([target]).ids[0]
        before = [model.start_id, *labels[:-1]]
        inputs = {}
        for name, row in (("encoder", ids), ("decoder", before)):
            row = np.concatenate([row, np.full(width - len(row), 7)])
            inputs[f"{name}_token_ids"] = row[None].astype("int32")
            mask = np.arange(width) < (len(ids) if name == "encoder" else len(before))
            inputs[f"{name}_padding_mask"] = mask[None]
        logits = np.asarray(model.predict_on_batch(inputs))[0, : len(labels)]
        sums = np.log(np.exp(logits.astype("float64")).sum(axis=-1))
        total += float((sums - logits[np.arange(len(labels)), labels]).sum())
        count += len(labels)
    return total, count


@pytest.mark.backend_free
def test_people_read_what_happens(pairs, tmp_path, capfd):
    arguments = translator_arguments(tmp_path / "run", pairs, steps=2)
    done = command(capfd, *arguments, "--validation-size", 4)
    assert done.status == 0, done.err
    for words in (
        "Training a unigram tokenizer of at most 100 tokens for both languages",
        "Data, de to en",
        "60 pairs of",
        "BLEU is measured on 4 of 13 validation pairs",
        f"parameters on {BACKEND} for 2 steps",
        "Validation by 4 beams, 4 sentences",
        "tok:13a|smooth:exp|version:",
        "  reference    ",
        "Next: kzoo evaluate",
    ):
        assert words in done.out
    assert "val_bleu" in done.err
    assert "tokens/s" in done.err
    german, english = small_pairs(73)
    assert f"  < {german[60]}\n  = {english[60]}\n  > " in done.err
    done = command(capfd, "evaluate", tmp_path / "run", "--data", pairs)
    assert done.status == 0, done.err
    assert "BLEU, lower case" in done.out
    assert "read as for the training: source_language de" in done.out


@pytest.mark.backend_free
def test_separate_vocabularies_and_averages_by_steps(pairs, tmp_path, capfd):
    done = command(
        capfd, *translator_arguments(tmp_path / "a", pairs, steps=4),
        "--separate-vocabularies", "--tokenizer", "bpe", "--average-last", 3,
        "--average-every", 1, "--ema", 0.5, "--remat", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = done.json
    assert record["settings"]["monitor"] == "val_loss"
    assert record["average"]["weights"] == 3
    assert "translation" not in record
    model = Translator.from_preset(tmp_path / "a")
    assert not model.tokenizer.is_shared
    assert model.arguments["source_vocabulary_size"] == (
        model.tokenizer.source_vocabulary_size
    )


@pytest.mark.backend_free
def test_no_validation_keeps_the_mean_that_was_asked_for(tmp_path, capfd):
    folder = write_pairs(tmp_path / "pairs", held_out=0)
    done = command(
        capfd, *translator_arguments(tmp_path / "a", folder, steps=4),
        "--validation-share", 0, "--average-last", 2,
        "--epoch-steps", 2, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["data"]["validation"] is None
    assert done.json["average"] == {"weights": 2, "kept": True, "metrics": {}}


@pytest.mark.backend_free
def test_fine_tuning_with_token_batches_and_the_same_tokenizer(
    run, pairs, tmp_path, capfd
):
    done = command(
        capfd, "train", "translator", "--data", pairs, "--source", "de", "--target",
        "en", "--from", run, "--out", tmp_path / "b", "--steps", 2, "--batch-tokens",
        128, "--validation-size", 0, "--no-jit", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["settings"]["batch_tokens"] == 128
    assert "batch_size" not in done.json["settings"]
    assert done.json["settings"]["learning_rate"] == pytest.approx(3e-5)
    done = command(
        capfd, "train", "translator", "--data", pairs, "--source", "de", "--target",
        "en", "--preset", "translator-tiny", "--tokenizer", run, "--out",
        tmp_path / "c", "--steps", 1, "--validation-size", 0, "--no-jit", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    one, two = (Translator.from_preset(tmp_path / name) for name in "bc")
    assert one.tokenizer.get_config() == two.tokenizer.get_config()


@pytest.mark.backend_free
def test_long_pairs_are_counted_or_refused(tmp_path, capfd):
    folder = write_pairs(tmp_path / "pairs")
    for ending in ("de", "en"):
        with open(folder / f"val.{ending}", "a") as file:
            file.write("Hund " * 50 + "\n")
    arguments = translator_arguments(tmp_path / "run", folder, steps=1)
    done = command(capfd, *arguments)
    assert done.status == 0, done.err
    assert "1 of 14 pairs left out for more than 32 tokens" in done.out
    assert "validation         13 pairs" in done.out
    done = command(capfd, *arguments, "--overwrite", "--long-pairs", "error")
    assert done.status == 2
    assert "1 of 14 pairs" in one_line(done)
    done = command(capfd, "evaluate", tmp_path / "run", "--data", folder)
    assert done.status == 2
    assert "max_sequence_length=32" in done.err.splitlines()[-1]


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--cased"], "--cased for translator"),
        (["--class-weights", "balanced"], "--class-weights for translator"),
        (["--text-column", "1"], "--text-column for translator"),
        (["--segments"], "--segments for translator"),
        (["--sample", "x"], "--sample for translator"),
        (["--batch-tokens", "64"], "--batch-size 8 --batch-tokens 64"),
        (["--average-every", "3"], "without --average-last"),
        (["--long-pairs", "keep"], "long pairs='keep'. Known: drop, error"),
        (["--decay", "root"], "Known: linear, cosine, constant, inverse-sqrt"),
        (["--monitor", "val_accuracy"], "Known: val_bleu, val_chrf"),
        (["--monitor", "val_chrf"], "--monitor val_chrf --validation-size 0"),
        (
            ["--bleu-tokenize", "words", "--validation-size", "1"],
            "Known: 13a, char",
        ),
        (["--tokenizer", "nowhere"], "Known: unigram, bpe"),
        (["--max-length", "33"], "--max-length 33"),
        (["--source", "fr"], "fr"),
        (["--set", "pad_id=3"], "--set pad_id=3"),
        (["--set", "num_heads=3"], "num_heads"),
        (["--preset", "gpt2-tiny"], "preset='gpt2-tiny'"),
        (["--data", "demo:stories"], "Known: demo:"),
        (["--validation", "nowhere"], "nowhere"),
        (["--lora-rank", "4"], "--lora-rank 4 without --from"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_cannot_be(more, line, pairs, tmp_path, capfd):
    base = list(translator_arguments(tmp_path / "run", pairs))
    if "--tokenizer" in more:
        at = base.index("--vocabulary-size")
        del base[at : at + 2]
    done = command(capfd, *base, *more)
    assert done.status == 2
    assert line in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.backend_free
def test_full_width_punctuation_is_kept_by_choice(tmp_path, capfd):
    folder = tmp_path / "pairs"
    folder.mkdir()
    german, english = small_pairs(40)
    (folder / "train.de").write_text("\n".join(german), encoding="utf-8")
    wide = [text.replace(".", "？") for text in english]
    (folder / "train.en").write_text("\n".join(wide), encoding="utf-8")

    def train(name, *more):
        out = tmp_path / name
        arguments = [*translator_arguments(out, folder, steps=1), *more]
        done = command(capfd, *arguments)
        return out, done

    for name, more, kept in (
        ("a", [], "?"),
        ("b", ["--normalization", "identity"], "？"),
    ):
        out, done = train(name, *more)
        assert done.status == 0, done.err
        tokenizer = Translator.from_preset(out).tokenizer
        assert tokenizer.decode(tokenizer.encode_target(["？"]).ids[0]) == kept
    out, done = train("c", "--normalization", "nfd")
    assert done.status == 2
    assert "nmt_nfkc" in one_line(done)
    assert not (out / "config.json").exists()


@pytest.mark.backend_free
def test_options_of_a_new_tokenizer_beside_an_old_one(run, pairs, tmp_path, capfd):
    for more in (["--from", run], ["--preset", "translator-tiny", "--tokenizer", run]):
        for option in (
            ["--joint"],
            ["--separate-vocabularies"],
            ["--byte-fallback"],
            ["--normalization", "nfkc"],
        ):
            done = command(
                capfd, "train", "translator", "--data", pairs, "--source", "de",
                "--target", "en", "--out", tmp_path / "b", *more, *option,
            )  # fmt: skip
            assert done.status == 2
            assert option[0] in one_line(done)
            assert "tokenizer" in one_line(done)


@pytest.mark.backend_free
def test_pairs_that_cannot_be_trained_on(tmp_path, capfd):
    folder = write_pairs(tmp_path / "pairs")
    arguments = translator_arguments(tmp_path / "run", folder)
    with open(folder / "train.en", "a") as file:
        file.write("One more.\n")
    done = command(capfd, *arguments)
    assert done.status == 2
    for words in ("train.de", "train.en", "60", "61"):
        assert words in one_line(done)
    write_pairs(folder)
    for ending in ("de", "en"):
        (folder / f"val.{ending}").write_text("")
    done = command(capfd, *arguments)
    assert done.status == 2
    assert "val" in one_line(done)
    write_pairs(folder)
    (folder / "val.en").unlink()
    done = command(capfd, *arguments)
    assert done.status == 2
    assert "val.en" in one_line(done) or "val.de" in one_line(done)


@pytest.mark.backend_free
def test_a_vocabulary_beyond_the_texts(pairs, tmp_path, capfd):
    arguments = list(translator_arguments(tmp_path / "run", pairs, steps=1))
    arguments[arguments.index("--vocabulary-size") + 1] = 5_000
    done = command(capfd, *arguments)
    assert done.status == 0, done.err
    assert "fewer than the 5000 asked for" in done.out


@pytest.mark.backend_free
def test_options_of_other_families(run, pairs, tmp_path, capfd):
    for more, line in (
        (["--joint"], "--joint for classifier"),
        (["--source", "de"], "--source-language for classifier"),
        (["--monitor", "val_bleu"], "Known: val_loss, val_accuracy"),
    ):
        done = command(
            capfd, "train", "classifier", "--data", "demo:reviews", "--preset",
            "encoder-tiny", "--out", tmp_path / "c", *more,
        )  # fmt: skip
        assert done.status == 2
        assert line in one_line(done)
    for more, line in (
        (["--protocol", "both"], "--protocol for another family"),
        (["--bleu-tokenize", "words"], "Known: 13a, char"),
        (["--split", "test"], "test"),
        (["--num-beams", "90"], "num_beams=90"),
    ):
        done = command(capfd, "evaluate", run, "--data", pairs, *more)
        assert done.status == 2
        assert line in done.err.splitlines()[-1]
