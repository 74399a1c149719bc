"""The examples in the docstrings of `kzoo.training` run."""

import doctest
import importlib
import pkgutil

import pytest

from kzoo import training

PREFIX = f"{training.__name__}."
MODULES = sorted(
    module.name.removeprefix(PREFIX)
    for module in pkgutil.walk_packages(training.__path__, PREFIX)
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(f"{PREFIX}{name}")
    failed, _ = doctest.testmod(module, verbose=False)
    assert not failed
