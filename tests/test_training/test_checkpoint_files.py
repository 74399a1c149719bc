"""What lies on the disk: whole checkpoints, whatever happens to a save or to them."""

import errno
import hashlib
import json
import os

import numpy as np
import pytest
from support.damage import count_found, files_of

from kzoo.errors import InputError
from kzoo.training.checkpoints import DamagedCheckpoint, verify
from kzoo.training.checkpoints.file_layer import FileLayer
from kzoo.training.checkpoints.reading import Checkpoint
from kzoo.training.checkpoints.store import Store
from kzoo.training.checkpoints.tensor_file import TensorFile, chunks
from kzoo.training.checkpoints.writing import FILES, MANIFEST, manifest_text

pytestmark = pytest.mark.backend_free


def content(seed=0):
    """Return the files of a small checkpoint."""
    draws = np.random.default_rng(seed)
    arrays = {f"{i:05d}/w{i}": draws.normal(size=(3, i)).astype("float32")
              for i in range(4)}  # fmt: skip
    return {
        "model.safetensors": list(chunks(arrays)),
        "optimizer.safetensors": list(chunks({"00000/m": np.arange(5 + seed)})),
        "arrays.safetensors": list(chunks({})),
        "state.json": [json.dumps({"place": {"step": seed}}).encode()],
    }


def whole(seed=0):
    return {name: b"".join(bytes(p) for p in parts)
            for name, parts in content(seed).items()}  # fmt: skip


def held(path):
    """Return the files of a checkpoint that is verified to be whole."""
    verify(path)
    found = {file.name: data for file, data in files_of(path).items()}
    del found[MANIFEST]
    return found


def write_by_hand(folder, files):
    folder.mkdir(parents=True)
    entries = {}
    for name in FILES:
        data = files[name]
        (folder / name).write_bytes(data)
        entries[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / MANIFEST).write_bytes(manifest_text(entries))


class Faulty(FileLayer):
    """Fails, or takes only a part, at the n-th call of one kind."""

    def __init__(self, name=None, number=0, fault="ENOSPC"):
        self.name, self.number, self.fault = name, number, fault
        self.calls = {}

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        if name not in vars(FileLayer):
            return found

        def counted(*arguments):
            self.calls[name] = self.calls.get(name, 0) + 1
            if (name, self.calls[name]) == (self.name, self.number):
                if self.fault == "short":
                    handle, data = arguments
                    return os.write(handle, data[: max(1, len(data) // 2)])
                if self.fault == "nothing":
                    return 0
                raise OSError(getattr(errno, self.fault), os.strerror(5))
            return found(*arguments)

        return counted


def calls_of_a_save(tmp_path):
    layer = Faulty()
    store = Store(tmp_path / "counted", keep=1, layer=layer)
    store.save(1, "", content(1))
    layer.calls.clear()
    store.save(2, "", content(2))
    return dict(layer.calls)


def faults(name):
    return ("ENOSPC", "EIO", "short", "nothing") if name == "write" else (
        "ENOSPC", "EIO")  # fmt: skip


def test_every_call_of_a_save_may_fail(tmp_path):
    calls = calls_of_a_save(tmp_path)
    assert calls.keys() == {"make_folder", "create", "write", "sync", "close",
                            "rename", "sync_folder", "remove_folder"}  # fmt: skip
    tried = 0
    for name, count in calls.items():
        for number in range(1, count + 1):
            for fault in faults(name):
                folder = tmp_path / f"{name}-{number}-{fault}"
                Store(folder, keep=1).save(1, "", content(1))
                layer = Faulty(name, number, fault)
                failed = False
                try:
                    Store(folder, keep=1, layer=layer).save(2, "", content(2))
                except OSError:
                    failed = True
                tried += 1
                found = Store(folder).newest()
                step = found.state["place"]["step"]
                # Exactly the old one or exactly the new one, to the bit.
                assert held(found.folder) == whole(step), (name, number, fault)
                if not failed:
                    assert step == 2, (name, number, fault)
                # And the next save goes well.
                Store(folder, keep=1).save(3, "", content(3))
                assert Store(folder).newest().state["place"]["step"] == 3
    assert tried > 60


def test_a_writer_that_dies_leaves_the_old_one(tmp_path):
    class Died(BaseException):
        pass

    class Dies(FileLayer):
        def __init__(self, after):
            self.left = after

        def __getattribute__(self, name):
            found = object.__getattribute__(self, name)
            if name in vars(FileLayer):
                self.left -= 1
                if self.left < 0:  # from here on nothing is done, as by a dead one
                    raise Died
            return found

    for after in range(40):
        folder = tmp_path / str(after)
        Store(folder, keep=1).save(1, "", content(1))
        try:
            Store(folder, keep=1, layer=Dies(after)).save(2, "", content(2))
        except Died:
            pass
        else:
            break
        store = Store(folder)
        found = store.newest()
        assert held(found.folder) == whole(found.state["place"]["step"])
        store.sweep()
        assert {p.name for p in folder.iterdir()} <= {
            "step-000000001",
            "step-000000002",
        }
    assert 25 < after < 39


def test_the_newest_are_kept(tmp_path):
    store = Store(tmp_path, keep=2)
    for step in (2, 4, 6):
        store.save(step, "", content(step))
    store.save(6, "-end", content(7))
    assert [path.name for path in store.list()] == [
        "step-000000006-end", "step-000000006",
    ]  # fmt: skip


def test_a_damaged_one_is_passed_over(tmp_path):
    store = Store(tmp_path, keep=2)
    store.save(2, "", content(2))
    store.save(4, "", content(4))
    path = tmp_path / "step-000000004" / "optimizer.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="step-000000004/optimizer.*bytes, not"):
        assert store.newest().folder.name == "step-000000002"
    store.save(3, "", content(3))  # now it may go, and the good ones stay
    assert [p.name for p in store.list()] == ["step-000000003", "step-000000002"]
    for path in tmp_path.rglob(MANIFEST):
        path.unlink()
    with (
        pytest.warns(UserWarning, match="No such file"),
        pytest.raises(InputError, match="2 in .* each damaged"),
    ):
        store.newest()


@pytest.mark.parametrize("trials", [1000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_all_damage_is_found(trials, tmp_path):
    folder = Store(tmp_path).save(1, "", content(1))
    assert count_found(folder, Checkpoint, trials) == {"DamagedCheckpoint": trials}
    verify(folder)


def test_tensors_as_the_library_reads_them(tmp_path):
    from safetensors.numpy import load_file

    arrays = {
        "a": np.arange(6, dtype="float32").reshape(2, 3).T,
        "b": np.array(True),
        "c": np.zeros((0, 5), "int64"),
        "d": np.arange(3, dtype="uint16"),
    }
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"".join(chunks(arrays)))
    found, file = load_file(path), TensorFile(path)
    for name, array in arrays.items():
        for other in (found[name], file.read(name)):
            assert other.dtype == array.dtype
            np.testing.assert_array_equal(other, array)


ODD = {
    "shape bomb": {"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40],
                         "data_offsets": [0, 4]}},
    "negative": {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
    "many axes": {"a": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}},
    "beyond the end": {"a": {"dtype": "F32", "shape": [1 << 20],
                             "data_offsets": [0, 1 << 22]}},
    "a gap": {"a": {"dtype": "F32", "shape": [0], "data_offsets": [4, 4]}},
    "a type": {"a": {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 4]}},
    "no object": [1],
    "a bool": {"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_tensors_are_refused_unread(name, tmp_path):
    text = json.dumps(ODD[name]).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(4)
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(DamagedCheckpoint, match=r"odd|no tensor"):
        TensorFile(path)
    path.write_bytes((1 << 62).to_bytes(8, "little") + text)
    with pytest.raises(DamagedCheckpoint, match="a header longer than the file"):
        TensorFile(path)


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(whole()["state.json"])
    folder = tmp_path / "step-000000001"
    write_by_hand(folder, whole())
    verify(folder)
    (folder / "state.json").unlink()
    (folder / "state.json").symlink_to(secret)
    with pytest.raises(DamagedCheckpoint, match="state.json"):
        verify(folder)
    (folder / "state.json").unlink()
    os.mkfifo(folder / "state.json")
    with pytest.raises(DamagedCheckpoint, match="no plain file"):
        verify(folder)


def test_manifests_of_other_kinds(tmp_path):
    folder = tmp_path / "step-000000001"
    write_by_hand(folder, whole())
    text = (folder / MANIFEST).read_bytes()
    for old, new, match in (
        (b"kzoo-checkpoint-1", b"kzoo-checkpoint-9", "format 'kzoo-checkpoint-9'"),
        (b"state.json", b"../../x.js", "digest does not fit"),
        (b"{", b"[", "no manifest"),
        (b" ", b"\t", "digest does not fit"),
    ):
        (folder / MANIFEST).write_bytes(text.replace(old, new, 1))
        with pytest.raises(DamagedCheckpoint, match=match):
            verify(folder)
    entries = {"../../secret": {"size": 0, "sha256": "0" * 64}}
    (folder / MANIFEST).write_bytes(manifest_text(entries))
    with pytest.raises(DamagedCheckpoint, match="digest does not fit"):
        verify(folder)
