"""The examples in the docstrings of `kzoo.training` run."""

import doctest
import importlib
import pkgutil

import pytest

from kzoo import training

MODULES = sorted(m.name for m in pkgutil.iter_modules(training.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(f"kzoo.training.{name}")
    failed, _ = doctest.testmod(module, verbose=False)
    assert not failed
