"""What an import loads, asked of a fresh process."""

import os
import pathlib
import subprocess
import sys
import tomllib

import keras
import pytest

BACKEND = keras.backend.backend()
OTHERS = {"tensorflow", "jax", "torch"} - {BACKEND}
EXPORTERS = {
    "onnx",
    "onnxruntime",
    "onnxruntime_extensions",
    "openvino",
    "tf2onnx",
    "tensorflow_text",
    "tensorflow_datasets",
    "transformers",
    "matplotlib",
}


def loaded(statement):
    """Return the modules that a fresh process has after a statement."""
    process = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


@pytest.fixture(scope="module")
def by_keras():
    """Return what Keras alone brings: JAX, for one, where it is installed."""
    return loaded("import keras")


@pytest.mark.parametrize(
    "name",
    [
        "layers",
        "tokenizers",
        "data",
        "generation",
        "training",
        "models",
        "export",
        "cli",
    ],
)
def test_a_floor_loads_no_other_backend_and_no_exporter(name, by_keras):
    found = loaded(f"import kzoo.{name}")
    assert f"kzoo.{name}" in found
    assert (found - by_keras) & (OTHERS | EXPORTERS) == set()
    never = {"tensorflow", "torch"} - {BACKEND} | {"onnx", "onnxruntime", "tf2onnx"}
    assert found & never == set()


def test_layers_load_nothing_above_them():
    found = loaded("import kzoo.layers")
    floors = {name for name in found if name.startswith("kzoo.")}
    allowed = ("kzoo.errors", "kzoo.layers")
    assert [name for name in sorted(floors) if not name.startswith(allowed)] == []


@pytest.mark.backend_free
def test_kzoo_itself_is_light():
    found = loaded("import kzoo")
    assert "kzoo" in found
    heavy = {"keras", "numpy", "tokenizers", "typer", "rich", *OTHERS, BACKEND}
    assert found & (heavy | EXPORTERS) == set()
    assert not [name for name in found if name.startswith("kzoo.")]


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("layers.EncoderBlock", "layers.encoder_block"),
        ("generation.TopP", "generation.samplers"),
    ],
)
def test_a_floor_is_loaded_when_it_is_asked_for(name, module):
    found = loaded(f"import kzoo; kzoo.{name}")
    assert f"kzoo.{module}" in found
    assert "kzoo.models" not in found


@pytest.mark.backend_free
def test_every_floor_can_be_asked_for():
    import kzoo

    text = (pathlib.Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    packages = tomllib.loads(text)["tool"]["setuptools"]["packages"]
    floors = {name.split(".")[1] for name in packages if name.count(".") == 1}
    assert floors == set(kzoo.__all__) - {"__version__"}


@pytest.mark.backend_free
def test_an_unknown_floor_is_an_attribute_error():
    import kzoo

    with pytest.raises(AttributeError, match="'kzoo' has no attribute 'attic'"):
        _ = kzoo.attic
    assert {"layers", "models", "__version__"} <= set(dir(kzoo))
