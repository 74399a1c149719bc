"""`kzoo plot attention`: the scores of a model, as a picture and as a page."""

import json
import re

import keras
import numpy as np
import pytest
from support.commands import command, one_line
from support.small_gpt2 import lettered_gpt2
from support.small_translator import small_translator

from kzoo.cli.attention_figure import draw_attention
from kzoo.cli.attention_reading import AttentionMap, read_attention
from kzoo.errors import InputError
from kzoo.models import TextClassifier
from kzoo.tokenizers import TranslationTokenizer, WordPieceTokenizer

TEXT = "Ein Hund </script> schläft."


@pytest.fixture(scope="module")
def translator():
    german, english = ["Ein Hund schläft.", "Zwei Katzen."], ["A dog sleeps.", "Cats."]
    tokenizer = TranslationTokenizer.train(german * 5, english * 5, 47)
    return small_translator(
        vocabulary_size=tokenizer.vocabulary_size,
        pad_id=tokenizer.pad_id,
        tokenizer=tokenizer,
    )


@pytest.fixture(scope="module")
def run(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    translator.save_to_preset(folder)
    return folder


def page_data(path):
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=", page)  # nothing is loaded
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(found[1])


@pytest.mark.slow_on("jax", "tensorflow")
def test_both_files_and_what_the_page_holds(run, translator, tmp_path, capfd):
    out = tmp_path / "seen.png"
    done = command(capfd, "plot", "attention", run, TEXT, "--out", out, "--json")
    assert done.status == 0, done.err
    files = [out, tmp_path / "seen.html"]
    assert done.json["files"] == [str(file) for file in files]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    data = page_data(files[1])
    assert data["title"] == TEXT
    maps = read_attention(translator, TEXT)
    assert [one["name"] for one in data["maps"]] == ["cross", "encoder", "decoder"]
    for one, expected in zip(data["maps"], maps, strict=True):
        assert one["readers"] == expected.readers
        scores = np.array(one["scores"])
        assert scores.shape == expected.scores.shape
        np.testing.assert_allclose(scores / 1000, expected.scores, atol=6e-4)


def test_the_scores_are_the_models(translator):
    cross, encoder, decoder = read_attention(translator, "Ein Hund.", "A dog.")
    tokenizer = translator.tokenizer
    source = np.asarray(tokenizer.encode_source(["Ein Hund."]).ids[0])[None]
    ids = tokenizer.encode_target(["A dog."]).ids[0]
    scores = translator.attention_scores(
        {
            "encoder_token_ids": source,
            "decoder_token_ids": np.array([[translator.start_id, *ids[:-1]]]),
        }
    )
    for found, kind in ((cross, "cross"), (encoder, "encoder"), (decoder, "decoder")):
        expected = [keras.ops.convert_to_numpy(layer)[0] for layer in scores[kind]]
        np.testing.assert_allclose(found.scores, expected, atol=1e-6)
        assert found.scores.shape[2:] == (len(found.readers), len(found.read))
    assert "".join(cross.readers[:-1]) == "·A·dog."
    assert cross.readers[-1] == "</s>"
    assert decoder.read == ["<s>", *cross.readers[:-1]]


@pytest.mark.slow_on("jax")
def test_gpt2_and_classifier():
    (found,) = read_attention(lettered_gpt2(), "a b\n")
    assert found.readers == ["a", "·", "b", "⏎"]
    assert np.triu(found.scores[0, 0], 1).max() == 0
    tokenizer = WordPieceTokenizer.train(["ein hund schläft"] * 3, vocabulary_size=120)
    classifier = TextClassifier.from_preset(
        "encoder-tiny",
        vocabulary_size=tokenizer.vocabulary_size,
        tokenizer=tokenizer,
    )
    (found,) = read_attention(classifier, "ein hund")
    assert (found.read[0], found.read[-1]) == ("[CLS]", "[SEP]")
    np.testing.assert_allclose(found.scores.sum(-1), 1, atol=1e-5)


def test_one_layer_and_one_head(translator):
    found = read_attention(translator, "Ein Hund.", "A dog.")[0]
    scores, number = found.heads(1, 3)
    assert number == 1
    np.testing.assert_array_equal(scores, found.scores[0, 2])
    np.testing.assert_allclose(found.heads(None, None)[0], found.scores[-1].mean(0))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--layer", "3"], "--layer 3. Pass 1 to 2"),
        (["--head", "0"], "--head 0. Pass 1 to 7"),
        (["--kind", "self"], "Known: cross, encoder, decoder"),
    ],
)
def test_what_there_is_not(run, options, match, tmp_path, capfd):
    out = tmp_path / "x"
    done = command(capfd, "plot", "attention", run, "Ein Hund.", "--out", out, *options)
    assert done.status == 2
    assert match in one_line(done)
    assert not list(tmp_path.iterdir())


def test_dollars_are_no_formula(tmp_path):
    scores = np.full((1, 2, 2, 2), 0.5)
    for tokens, title in ((["$$", "b"], ""), (["a", "b"], "from $_ to $^")):
        found = AttentionMap("self", tokens, tokens, scores)
        draw_attention(found, tmp_path / "seen.png", title=title)
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")


def test_texts_that_cannot_be_drawn(translator):
    with pytest.raises(InputError, match="max_sequence_length=41"):
        read_attention(translator, "Zwei Katzen schläft. " * 20)
    with pytest.raises(InputError, match="Only a translator"):
        read_attention(lettered_gpt2(), "ab", "cd")
