"""`kzoo export` and `kzoo validate` of a translator."""

import json

import pytest
from support.commands import command
from support.spoken_translator import spoken_translator

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    spoken_translator(end=2.0).save_to_preset(folder)
    return folder


def test_export_and_validate(run_folder, tmp_path, capfd):
    out = tmp_path / "artefact"
    options = ("--num-beams", "2", "--max-new-tokens", "7", "--length-penalty", "0.5")
    done = command(
        capfd, "export", run_folder, "--to", "onnx", "--out", out, *options, "--json"
    )
    assert done.status == 0, done.err
    names = [item["name"] for item in done.json["signatures"]]
    assert names == ["generate", "text"]
    manifest = json.loads((out / "kzoo.json").read_text())
    assert manifest["family"] == "translator"
    assert manifest["search"] == {
        "num_beams": 2,
        "length_penalty": 0.5,
        "max_new_tokens": 7,
        "max_ratio": None,
    }
    done = command(capfd, "validate", out, run_folder)
    assert done.status == 0, done.err
    assert "passed" in done.out


def test_beams_wider_than_the_vocabulary(run_folder, tmp_path, capfd):
    out = tmp_path / "artefact"
    options = ("--to", "onnx", "--out", out, "--num-beams", "99")
    done = command(capfd, "export", run_folder, *options)
    assert done.status == 2
    assert "num_beams=99" in done.err
    assert not out.exists()
