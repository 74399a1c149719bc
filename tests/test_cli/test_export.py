"""`kzoo export` and `kzoo validate`: statuses, reports, nothing half-written."""

import shutil

import pytest
from support.commands import command, one_line

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def artefact(small_run, tmp_path_factory):
    from kzoo.cli.app import run

    folder = tmp_path_factory.mktemp("artefacts") / "onnx"
    assert run(["export", str(small_run), "--to", "onnx", "--out", str(folder)]) == 0
    return folder


def test_an_artefact_validates(artefact, small_run, capfd):
    assert (artefact / "text.onnx").exists()
    done = command(capfd, "validate", artefact, small_run, "--json")
    assert done.status == 0, done.err
    assert done.json["passed"] is True


def test_one_changed_byte_is_status_1_with_the_report(
    artefact, small_run, tmp_path, capfd
):
    changed = tmp_path / "changed"
    shutil.copytree(artefact, changed)
    path = changed / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = command(capfd, "validate", changed, small_run, "--json")
    assert done.status == 1
    assert "model.onnx has changed" in one_line(done)
    assert done.json["passed"] is False


@pytest.mark.slow
def test_a_saved_model_for_people(small_run, tmp_path, capfd):
    out = tmp_path / "served"
    done = command(capfd, "export", small_run, "--to", "saved-model", "--out", out)
    assert done.status == 0, done.err
    assert "passed" in done.out
    assert (out / "saved_model.pb").exists()


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--to", "attic"], "format='attic'. Known: saved-model, onnx"),
        (["--to", "saved-model", "--precision", "int8"], "float32 weights"),
        (["--to", "onnx", "--layout", "attic"], "attic"),
        (["--to", "onnx", "--precision", "float8"], "float8"),
        (["--to", "onnx", "--name", "a b"], "name='a b'"),
    ],
)
def test_what_cannot_be_exported(more, line, small_run, tmp_path, capfd):
    done = command(capfd, "export", small_run, "--out", tmp_path / "x", *more)
    assert done.status == 2
    assert line in one_line(done)
    assert list(tmp_path.iterdir()) == []


def test_an_artefact_is_not_written_over_unasked(artefact, small_run, capfd):
    done = command(capfd, "export", small_run, "--to", "onnx", "--out", artefact)
    assert done.status == 2
    assert "does not write over" in one_line(done)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_no_artefact(name, small_run, tmp_path, capfd):
    done = command(capfd, "validate", tmp_path / name, small_run)
    assert done.status == 2
    assert "artefact" in one_line(done)
