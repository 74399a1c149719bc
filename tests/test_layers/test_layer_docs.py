"""The docstrings and docs/layers.md: their shape, and that their examples run."""

import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re

import keras
import pytest

from kzoo import layers

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted(m.name for m in pkgutil.iter_modules(layers.__path__))
PUBLIC = [
    item
    for name in layers.__all__
    if inspect.isclass(item := getattr(layers, name))
    and issubclass(item, keras.layers.Layer)
]
every_class = pytest.mark.parametrize("layer", PUBLIC, ids=lambda c: c.__name__)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(f"kzoo.layers.{name}")
    failed, _ = doctest.testmod(module, verbose=False)
    assert not failed


def test_the_page_about_layers_runs_and_names_every_layer():
    page = ROOT / "docs" / "layers.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, verbose=False)
    assert not failed
    assert tried
    missing = [name for name in layers.__all__ if f"`{name}" not in page.read_text()]
    assert not missing


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("page", ["attention", "positions"])
def test_the_examples_of_a_page_run(page):
    path = ROOT / "docs" / f"{page}.md"
    failed, tried = doctest.testfile(str(path), module_relative=False, verbose=False)
    assert not failed
    assert tried


@every_class
def test_a_docstring_has_every_part(layer):
    text = inspect.getdoc(layer)
    parts = ["Call arguments:", "Returns:", "Example:", "Reference:"]
    if constructor_arguments(layer):
        parts = ["Args:", *parts, "Raises:"]
    assert [part for part in parts if f"\n{part}\n" not in text] == []
    assert ">>> " in text
    assert re.search(r"arXiv:\d{4}\.\d{5}|https://", text)


@every_class
def test_a_docstring_names_every_argument(layer):
    text = inspect.getdoc(layer)
    missing = [
        name for name in constructor_arguments(layer) if f"    {name}: " not in text
    ]
    assert not missing
    call = inspect.signature(layer.call).parameters
    calls = text.split("Call arguments:")[1].split("Returns:")[0]
    missing = [name for name in call if name not in {"self"} and name not in calls]
    assert not missing


@every_class
def test_only_the_defining_sizes_are_positional(layer):
    parameters = inspect.signature(layer.__init__).parameters.values()
    with_default = [
        p.name
        for p in parameters
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty
    ]
    assert not with_default


def constructor_arguments(layer):
    if "__init__" not in vars(layer):
        return []
    names = inspect.signature(layer.__init__).parameters
    return [name for name in names if name not in {"self", "kwargs"}]
