import errno
import os

import pytest

from kzoo.errors import InputError
from kzoo.export import ExportError
from kzoo.export.publish import publishing

pytestmark = pytest.mark.backend_free


def write(folder, text, **options):
    with publishing(folder, **options) as work:
        (work / "deep").mkdir()
        (work / "deep" / "file.txt").write_text(text)


def test_the_folder_appears_whole(tmp_path):
    write(tmp_path / "above" / "artefact", "one")
    assert (tmp_path / "above/artefact/deep/file.txt").read_text() == "one"
    assert os.listdir(tmp_path / "above") == ["artefact"]


def test_nothing_is_seen_before_the_end(tmp_path):
    with publishing(tmp_path / "artefact") as work:
        (work / "file.txt").write_text("one")
        assert not (tmp_path / "artefact").exists()
    assert (tmp_path / "artefact/file.txt").exists()


def test_an_empty_folder_is_free(tmp_path):
    (tmp_path / "artefact").mkdir()
    write(tmp_path / "artefact", "one")
    assert (tmp_path / "artefact/deep/file.txt").exists()


def test_what_is_there_stays_unless_overwritten(tmp_path):
    write(tmp_path / "artefact", "one")
    with pytest.raises(InputError, match="not write over what is there.*overwrite"):
        write(tmp_path / "artefact", "two")
    assert (tmp_path / "artefact/deep/file.txt").read_text() == "one"
    write(tmp_path / "artefact", "two", overwrite=True)
    assert (tmp_path / "artefact/deep/file.txt").read_text() == "two"
    assert os.listdir(tmp_path) == ["artefact"]


def test_a_file_is_not_replaced(tmp_path):
    (tmp_path / "artefact").write_text("mine")
    with pytest.raises(InputError, match="An artefact is a folder.*which is a file"):
        write(tmp_path / "artefact", "one", overwrite=True)


def test_the_parent_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="folder above the artefact must be writable"):
        write(tmp_path / "file" / "artefact", "one")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, ExportError])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_nothing(tmp_path, error, there):
    if there:
        write(tmp_path / "artefact", "one")

    def fail():
        with publishing(tmp_path / "artefact", overwrite=True) as work:
            (work / "file.txt").write_text("half")
            raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        fail()
    assert os.listdir(tmp_path) == (["artefact"] if there else [])
    assert not there or (tmp_path / "artefact/deep/file.txt").read_text() == "one"


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, call, there):
    if there:
        write(tmp_path / "artefact", "one")
    real, calls = getattr(os, call), []

    def full(*arguments):
        calls.append(arguments)
        # With an artefact there, the first rename moves it aside and shall be undone.
        if len(calls) == (2 if call == "rename" and there else 1):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(ExportError, match="nothing of it was left.*No space left"):
        write(tmp_path / "artefact", "two", overwrite=True)
    assert os.listdir(tmp_path) == (["artefact"] if there else [])
    assert not there or (tmp_path / "artefact/deep/file.txt").read_text() == "one"


def test_every_file_and_folder_is_synced(tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def record(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write(tmp_path / "artefact", "one")
    names = [path.removeprefix(str(tmp_path)) for path in synced]
    assert [name.rpartition("/")[2] for name in names[:3]] == [
        "file.txt",
        "deep",
        "artefact",
    ]
    assert names[-1] == ""
