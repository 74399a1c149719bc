"""Which backend a command takes."""

import json
import os
import sys

import pytest

from kzoo.cli import backend
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Make this process look as if Keras were not there yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.delitem(sys.modules, "keras")
    present = {"jax", "torch"}
    monkeypatch.setattr(backend, "_installed", lambda name: name in present)

    def load(name=None):
        # Importing Keras anew in this process would be another backend's.
        monkeypatch.setitem(sys.modules, "keras", None)
        monkeypatch.setenv("KZOO_DEBUG", "1")
        sys.modules.pop("keras")
        return backend.choose_backend(name)

    load.present = present
    load.home = tmp_path
    return load


def test_the_argument_wins(fresh, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert fresh("jax") == os.environ["KERAS_BACKEND"] == "jax"


def test_then_the_environment(fresh, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert fresh() == "torch"


def test_torchs_threads_spin_briefly(fresh, monkeypatch):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    for name in names:  # set first, so that what is set here goes again
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    fresh("jax")
    assert not any(name in os.environ for name in names)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    fresh("torch")
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    fresh("torch")
    assert os.environ["GOMP_SPINCOUNT"] == "3000"
    assert os.environ["KMP_BLOCKTIME"] == "1"
    assert "OMP_WAIT_POLICY" not in os.environ


def test_then_keras_json_if_its_backend_is_installed(fresh):
    path = fresh.home / "keras.json"
    path.write_text(json.dumps({"backend": "torch"}))
    assert fresh() == "torch"


@pytest.mark.parametrize("text", ['{"backend": "tensorflow"}', "{", "[]", None])
def test_then_the_first_one_installed(fresh, text):
    if text is not None:
        (fresh.home / "keras.json").write_text(text)
    assert fresh() == "jax"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("theano", "backend='theano'. Known: tensorflow, jax, torch"),
        ("tensorflow", r"must be installed.*kzoo\[tensorflow\]"),
    ],
)
def test_a_backend_that_is_not_there(fresh, name, message):
    with pytest.raises(InputError, match=message):
        fresh(name)


def test_no_backend_at_all(fresh):
    fresh.present.clear()
    with pytest.raises(InputError, match="none of them installed"):
        fresh()


def test_keras_cannot_change_its_backend():
    with pytest.raises(InputError, match="before Keras is imported"):
        backend.choose_backend("jax")


def test_quiet_stderr_holds_back_and_gives_back(capfd):
    with backend.quiet_stderr():
        os.write(2, b"noise\n")
    assert capfd.readouterr().err == ""

    def fail():
        os.write(2, b"why\n")
        raise ImportError

    with pytest.raises(ImportError), backend.quiet_stderr():
        fail()
    assert capfd.readouterr().err == "why\n"
