"""What `kzoo train` refuses: status 2, one line, nothing left behind."""

import gzip

import pytest
from support.commands import command, one_line, train_arguments

pytestmark = pytest.mark.backend_free

GOOD = "text,label\n" + "".join(f"film {i},{'ab'[i % 2]}\n" for i in range(20))


def cases():
    yield "missing file", None, [], "A data spec is demo:NAME"
    yield "missing column", GOOD, ["--text-column", "body"], "column='body'"
    yield "one label", GOOD.replace(",b", ",a"), [], "two labels or more"
    yield "empty text", GOOD + ",a\n", [], "Every example has a text"
    yield "no label", GOOD + "film,\n", [], "Every example has a label"
    yield "not UTF-8", GOOD.encode() + b"\xff\xfe,a\n", [], "text in utf-8"
    yield "damaged gzip", gzip.compress(GOOD.encode())[:-9], [], "A .gz file"
    yield "empty file", "", [], "at least one row"
    yield "ragged", GOOD + "a,b,c\n", [], "as many columns"
    yield "weights", GOOD, ["--class-weights", '{"z": 2}'], "by label name"
    yield "set", GOOD, ["--set", "attic=1"], "No such constructor argument"
    yield "set value", GOOD, ["--set", "num_heads=5"], "num_heads"
    yield "warm-up", GOOD, ["--warmup", "9", "--steps", "3"], "warm-up is shorter"


@pytest.mark.parametrize(
    ("name", "content", "more", "line"),
    list(cases()),
    ids=lambda value: str(value)[:12],
)
def test_data_that_cannot_be_trained_on(name, content, more, line, tmp_path, capfd):
    suffix = ".csv.gz" if name == "damaged gzip" else ".csv"
    path = tmp_path / f"reviews{suffix}"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = command(capfd, *train_arguments(tmp_path / "run", *more, data=str(path)))
    assert done.status == 2
    assert line in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_label_unseen_in_training(tmp_path, capfd):
    train, held_out = tmp_path / "a.csv", tmp_path / "b.csv"
    train.write_text(GOOD)
    held_out.write_text(GOOD + "odd,c\n")
    arguments = train_arguments(tmp_path / "run", data=str(train))
    done = command(capfd, *arguments, "--validation", held_out)
    assert done.status == 2
    assert "label 'c' (line 22). Known labels: a, b" in one_line(done)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--resume", "--checkpoint-every", "0"], "from its checkpoints"),
        (["--from", "x"], "both --preset and --from"),
        (["--epochs", "1", "--steps", "2"], "--epochs 1 --steps 2"),
        (["--precision", "float8"], "precision='float8'"),
        (["--decay", "square"], "decay='square'"),
        (["--optimizer", "moon"], "optimizer='moon'. Known: adamw, muon"),
        (["--monitor", "val_los"], "Known: val_loss, val_accuracy"),
        (["--ema", "1"], "--ema 1.0"),
        (["--label-smoothing", "-0.1"], "--label-smoothing -0.1"),
        (["--learning-rate", "0"], "--learning-rate 0"),
        (["--set", "pooling"], "--set pooling"),
        (["--set", "vocabulary_size=9"], "settle the labels and the vocabulary"),
        (["--class-weights", "heavy"], "--class-weights heavy"),
        (["--backend", "theano"], "backend='theano'"),
        (["--strategy", "many"], "strategy='many'"),
        (["--empty-text", "burn"], "'burn'"),
        (["--tokenizer", "nowhere"], "nowhere"),
        (["--data", "demo:attic"], "demo:attic"),
        (["--data", "tfds:attic_of_nothing"], "attic_of_nothing"),
        (["--preset", "attic"], "preset='attic'"),
    ],
    ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else "",
)
def test_options_that_cannot_be(arguments, line, tmp_path, capfd):
    base = list(train_arguments(tmp_path / "run"))
    if "--tokenizer" in arguments:
        at = base.index("--vocabulary-size")
        del base[at : at + 2]
    done = command(capfd, *base, *arguments)
    assert done.status == 2
    assert line in one_line(done)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_family_that_there_is_not(tmp_path, capfd):
    done = command(
        capfd, "train", "attic", "--data", "demo:reviews", "--preset", "x",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.status == 2
    line = "family='attic'. Known: classifier, gpt2, translator"
    assert line in one_line(done)


def test_neither_preset_nor_source(tmp_path, capfd):
    arguments = ("--data", "demo:reviews", "--out", tmp_path / "run")
    done = command(capfd, "train", "classifier", *arguments)
    assert done.status == 2
    assert "Received: neither" in one_line(done)


@pytest.mark.parametrize(
    "more", [["--vocabulary-size", "200"], ["--cased"], ["--tokenizer", "x"]]
)
def test_trained_weights_keep_their_tokenizer(more, tmp_path, capfd):
    arguments = ("--data", "demo:reviews", "--out", tmp_path / "run", "--from", "x")
    done = command(capfd, "train", "classifier", *arguments, *more)
    assert done.status == 2
    assert "keep the tokenizer" in one_line(done)


def test_out_is_a_folder(tmp_path, capfd):
    (tmp_path / "run").write_text("mine")
    done = command(capfd, *train_arguments(tmp_path / "run"))
    assert done.status == 2
    assert "which is a file" in one_line(done)


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({}, "holds config.json"),
        ({"config.json": '{"model_type": "gpt2"}'}, "model_type='gpt2'"),
        ({"config.json": '{"format": "kzoo-preset-1", "model": "Translator"}'},
         "must hold a TextClassifier"),
        ({"config.json": "{"}, "must hold JSON"),
    ],
)  # fmt: skip
def test_a_source_that_is_no_classifier(files, line, tmp_path, capfd):
    source = tmp_path / "source"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    done = command(
        capfd, "train", "classifier", "--data", "demo:reviews", "--size", 16,
        "--from", source, "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.status == 2
    assert line in one_line(done)
