"""`kzoo translate` and `kzoo convert` of a translator."""

import gzip
import io
import json
import sys

import numpy as np
import pytest
from support.commands import command, one_line
from support.small_pairs import small_pairs, translator_arguments, write_pairs

from kzoo.cli.app import run as run_command
from kzoo.cli.families import family_of
from kzoo.models import Translator

GERMAN, _ = small_pairs(7, seed=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    pairs = write_pairs(folder / "pairs")
    given = translator_arguments(folder / "run", pairs, steps=8)
    assert run_command([str(argument) for argument in given]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def model(run):
    return Translator.from_preset(run)


class Stdin:
    """Standard input with bytes below it."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


@pytest.mark.slow_on("jax", "tensorflow")
def test_texts_of_the_command_line(run, model, capfd):
    done = command(capfd, "translate", run, *GERMAN[:3], "--num-beams", 2)
    assert done.status == 0, done.err
    assert done.out.splitlines() == model.translate(GERMAN[:3], num_beams=2)


@pytest.mark.backend_free
def test_a_file_in_order_with_scores_and_results(run, model, tmp_path, capfd):
    from kzoo.generation.translation import iter_translations

    texts = [*GERMAN, "", GERMAN[0][:6]]
    path = tmp_path / "in.txt.gz"
    path.write_bytes(gzip.compress("".join(f"{t}\n" for t in texts).encode()))
    options = ("--num-beams", 3, "--num-results", 2, "--batch-size", 2)
    done = command(capfd, "translate", run, "--input", path, *options, "--scores")
    assert done.status == 0, done.err
    expected = [
        one
        for found in iter_translations(model, texts, num_beams=3, num_results=2)
        for one in found
    ]
    rows = [line.split("\t") for line in done.out.split("\n")[:-1]]
    assert [row[1] for row in rows] == [one.text for one in expected]
    assert [float(row[0]) for row in rows] == pytest.approx(
        [one.score for one in expected], abs=1e-3
    )


@pytest.mark.backend_free
def test_output_file_appears_whole(run, model, tmp_path, capfd):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("\n".join(GERMAN))
    arguments = ("translate", run, "--input", source, "--output", target)
    done = command(capfd, *arguments, "--num-beams", 1, "--max-new-tokens", 5)
    assert done.status == 0, done.err
    assert done.out == ""
    expected = model.translate(GERMAN, num_beams=1, max_new_tokens=5)
    assert target.read_text().splitlines() == expected
    source.write_text(GERMAN[0] + "\n" + "Hund " * 50)
    done = command(capfd, *arguments, "--num-beams", 1)
    assert done.status == 2
    assert target.read_text().splitlines() == expected


@pytest.mark.backend_free
def test_standard_input_and_json(run, model, monkeypatch, capfd):
    text = f"{GERMAN[0]}\n{GERMAN[1]}\n".encode()
    monkeypatch.setattr(sys, "stdin", Stdin(text))
    done = command(capfd, "translate", run, "--json", "--num-beams", 2)
    assert done.status == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["text"] for row in rows] == GERMAN[:2]
    assert [row["translation"] for row in rows] == model.translate(
        GERMAN[:2], num_beams=2
    )
    done = command(
        capfd, "translate", run, GERMAN[0], "--json", "--num-beams", 3,
        "--num-results", 2, "--no-repeat-ngram", 2, "--length-penalty", 0.5,
        "--prefix", "The", "--max-ratio", 2,
    )  # fmt: skip
    (row,) = [json.loads(line) for line in done.out.splitlines()]
    assert len(row["results"]) == 2
    assert row["results"][0]["score"] == row["score"] >= row["results"][1]["score"]
    assert all(one["translation"].startswith("The") for one in row["results"])


@pytest.mark.backend_free
def test_a_long_text_is_refused_or_split(run, model, capfd):
    text = " ".join(GERMAN)
    done = command(capfd, "translate", run, GERMAN[0], text)
    assert done.status == 2
    assert "in line 2, max_sequence_length=32. Pass --split" in one_line(done)
    arguments = ("--split-sentences", "--num-beams", 1, "--max-new-tokens", 4)
    done = command(capfd, "translate", run, text, *arguments)
    assert done.status == 0, done.err
    expected = model.translate(
        text, split_sentences=True, num_beams=1, max_new_tokens=4
    )
    assert done.out.splitlines() == expected
    done = command(capfd, "translate", run, "Hund " * 2000, *arguments)
    assert done.status == 2
    assert "a sentence of 2,0" in one_line(done)


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--input", "f.txt"], "TEXT beside --input"),
        (["--num-beams", "90"], "num_beams=90"),
        (["--num-beams", "0"], "num_beams=0"),
        (["--num-results", "9"], "num_results=9"),
        (["--max-new-tokens", "0"], "max_new_tokens=0"),
        (["--max-ratio", "0"], "max_ratio=0"),
        (["--no-repeat-ngram", "-1"], "no_repeat_ngram=-1"),
        (["--prefix", "The dog " * 20], "A prefix leaves room"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be(more, line, run, capfd):
    done = command(capfd, "translate", run, GERMAN[0], *more)
    assert done.status == 2
    assert line in one_line(done)


@pytest.mark.backend_free
def test_a_folder_is_no_output(run, tmp_path, capfd):
    done = command(capfd, "translate", run, GERMAN[0], "--output", tmp_path)
    assert done.status == 2
    assert "which is a folder" in one_line(done)
    assert not list(tmp_path.iterdir())


@pytest.mark.backend_free
def test_to_transformers_and_back(run, model, tmp_path, capfd):
    done = command(capfd, "convert", run, tmp_path / "a", "--to", "transformers")
    assert done.status == 2  # Marian is post-LN, with a bias
    assert "norm_placement='pre'" in one_line(done)
    marian = Translator.from_preset(
        "marian-base",
        vocabulary_size=model.vocabulary_size,
        hidden_dim=16,
        num_layers=1,
        num_heads=2,
        intermediate_dim=24,
        max_sequence_length=32,
        tokenizer=model.tokenizer,
    )
    marian.save_to_preset(tmp_path / "ours")
    for source, target, to in (
        ("ours", "theirs", "transformers"),
        ("theirs", "again", "kzoo"),
    ):
        assert family_of(str(tmp_path / source)) == "translator"
        arguments = (tmp_path / source, tmp_path / target, "--to", to, "--json")
        done = command(capfd, "convert", *arguments)
        assert done.status == 0, done.err
        assert done.json["family"] == "translator"
        assert done.json["labels"] == []
    assert {"source.spm", "vocab.json"} < {
        path.name for path in (tmp_path / "theirs").iterdir()
    }
    again = Translator.from_preset(tmp_path / "again")
    for one, other in zip(marian.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.tokenizer.get_config() == model.tokenizer.get_config()
