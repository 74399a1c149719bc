"""`kzoo presets`, `convert`, `data prepare` and `plot history` and `depth`."""

import json
import pathlib

import numpy as np
import pytest
from support.commands import command, one_line

import kzoo.data
from kzoo.cli import depth_figures
from kzoo.errors import InputError
from kzoo.models import TextClassifier, list_presets
from kzoo.models.parameter_count import parameter_count
from kzoo.models.presets import PRESETS, preset_config
from kzoo.models.recipes import recipe
from kzoo.training.depth_study import write_tables


@pytest.mark.backend_free
def test_presets_are_listed_with_their_parameters(capfd):
    done = command(capfd, "presets")
    assert done.status == 0
    for name in list_presets():
        assert name in done.out
    assert "109,483,778" in done.out
    done = command(capfd, "presets", "--json")
    assert set(done.json) == set(list_presets())
    assert done.json["encoder-tiny"]["recipe"] == recipe("encoder-tiny")


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"norm_placement": "post", "pooler_activation": "tanh", "num_segments": 2},
        {"positions": "sinusoidal", "label_names": ["a", "b", "c"]},
        {"positions": "none", "num_layers": 3, "num_segments": 0},
        {"ngram_sizes": [1, 2], "ngram_buckets": 37, "label_names": ["a", "b", "c"]},
        {"encoder_length": 19},
    ],
    ids=str,
)
def test_parameters_are_counted_without_a_model(overrides):
    config = {**preset_config("TextClassifier", "encoder-tiny"), "hidden_dim": 12}
    config.update(vocabulary_size=31, intermediate_dim=23, **overrides)
    assert parameter_count(config) == TextClassifier(**config).count_params()


@pytest.mark.backend_free
def test_every_preset_has_a_recipe():
    for family in PRESETS:
        keys = set(recipe(None, family))
        for name in list_presets(family):
            assert set(recipe(name)) - {"steps", "epoch_steps"} == keys
    with pytest.raises(InputError, match="preset='attic'"):
        recipe("attic")


def test_convert_there_and_back(small_run, tmp_path, capfd):
    done = command(
        capfd, "convert", small_run, tmp_path / "b", "--to", "kzoo", "--json"
    )
    assert done.status == 0, done.err
    assert "model.safetensors" in done.json["files"]
    texts = ["fine film", "dull"]
    first = TextClassifier.from_preset(small_run).classify(texts)
    again = TextClassifier.from_preset(tmp_path / "b").classify(texts)
    np.testing.assert_allclose(
        [answer.score for answer in first], [answer.score for answer in again]
    )


def test_convert_to_transformers_says_what_has_no_form_there(
    small_run, tmp_path, capfd
):
    arguments = ("convert", small_run, tmp_path / "b", "--to", "transformers")
    done = command(capfd, *arguments)
    assert done.status == 2
    assert "norm_placement='pre'" in one_line(done)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere", "{free}", "--to", "kzoo"], "source='nowhere'"),
        (["{run}", "{free}", "--to", "attic"], "format='attic'"),
        (["{run}", "{run}", "--to", "kzoo"], "--overwrite"),
        (["bert-base", "{free}", "--to", "kzoo"], "a preset with random ones"),
    ],
)
def test_what_cannot_be_converted(arguments, line, small_run, tmp_path, capfd):
    places = {"run": small_run, "free": tmp_path / "free"}
    done = command(capfd, "convert", *(a.format(**places) for a in arguments))
    assert done.status == 2
    assert line in one_line(done)


def test_a_truncated_weights_file_is_one_line(small_run, tmp_path, capfd):
    command(capfd, "convert", small_run, tmp_path / "b", "--to", "kzoo")
    path = tmp_path / "b" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    done = command(capfd, "classify", tmp_path / "b", "fine film")
    assert done.status == 2
    assert "model.safetensors" in one_line(done)


def test_history_is_drawn(small_run, tmp_path, capfd):
    done = command(capfd, "plot", "history", small_run, "--out", tmp_path / "a.png")
    assert (done.status, done.out.strip()) == (0, str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    done = command(capfd, "plot", "history", tmp_path, "--json")
    assert done.status == 2
    assert "history.jsonl" in one_line(done)


def test_depth_is_drawn_from_tables(tmp_path, capfd):
    row = {"kind": "mlp", "recipe": "pre", "depth": 2}
    tables = {
        "layers": [{**row, "layer": 1, "gradient": 0.5, "activation": 2.0}],
        "losses": [{**row, "warmup": 0, "rate": 0.1, "first": 2.0, "last": 1.0}],
        "rates": [{**row, "largest_rate": float("nan")}],
    }
    write_tables(tables, tmp_path)
    done = command(
        capfd, "plot", "depth", "--from", tmp_path, "--out", tmp_path, "--json"
    )
    assert done.status == 0, done.err
    names = ["gradients", "activations", "losses", "rates"]
    assert done.json["files"] == [str(tmp_path / f"depth-{n}.png") for n in names]
    for file in done.json["files"]:
        assert pathlib.Path(file).read_bytes().startswith(b"\x89PNG")
    done = command(capfd, "plot", "depth", "--kind", "cnn")
    assert done.status == 2
    assert "mlp, encoder" in one_line(done)


@pytest.mark.backend_free
def test_numbers_of_the_depth_figures_are_plain():
    row = {"kind": "mlp", "recipe": "pre", "depth": 2}
    layers = [{**row, "layer": n, "gradient": 10.0**-n} for n in (1, 4)]
    near = [{**row, "layer": n, "gradient": 0.1 + n / 10} for n in (1, 4)]
    rates = [{**row, "largest_rate": 0.003}, {**row, "depth": 4, "largest_rate": 0.01}]
    for figure, expected in (
        (depth_figures._by_layer(layers, "gradient", "norm"), {"0.1", "0.01"}),
        (depth_figures._by_layer(near, "gradient", "norm"), {"0.2", "0.4"}),
        (depth_figures._rates(rates), {"0.003", "0.01"}),
    ):
        figure.canvas.draw()
        labels = figure.axes[0].get_yticklabels(which="both")
        found = {label.get_text() for label in labels}
        assert expected <= found
        assert not any("$" in text for text in found)


@pytest.mark.tensorflow_only
def test_a_prepared_data_set_is_read_back(tmp_path, capfd):
    table = tmp_path / "train.jsonl"
    rows = [{"text": f"film {i}", "label": "ab"[i % 2]} for i in range(20)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command(capfd, "data", "prepare", table, tmp_path / "tfds", "--json")
    assert done.status == 0, done.err
    examples = kzoo.data.read(done.json["data"], "all")
    assert examples.texts == [row["text"] for row in rows]
    done = command(capfd, "data", "prepare", table, tmp_path / "tfds")
    assert done.status == 2
    assert "which exists" in one_line(done)
