"""Real write errors: the operating system refuses files beyond a size."""

import contextlib
import os
import resource

import pytest

import kzoo.export
from kzoo.export import ExportError

pytestmark = pytest.mark.tensorflow_only


@contextlib.contextmanager
def no_file_beyond(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("export", ["to_onnx", "to_saved_model"])
def test_nothing_half_written_is_left(make_classifier, tmp_path, export):
    model = make_classifier(tokenizer=None)
    (tmp_path / "artefact").mkdir()
    (tmp_path / "artefact" / "mine.txt").write_text("mine")
    write = getattr(kzoo.export, export)
    with (
        pytest.raises(ExportError, match="could not be written.*File too large"),
        no_file_beyond(9_000),
    ):
        write(model, tmp_path / "artefact", overwrite=True)
    assert os.listdir(tmp_path) == ["artefact"]
    assert os.listdir(tmp_path / "artefact") == ["mine.txt"]
