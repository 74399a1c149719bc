"""The pages about residual connections, norms and adaptation: their examples run."""

import doctest
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[2] / "docs"
every_page = pytest.mark.parametrize("name", ["residual", "norms", "adaptation"])


@every_page
@pytest.mark.slow_on("jax", "tensorflow")
def test_the_examples_of_a_page_run(name):
    path = DOCS / f"{name}.md"
    failed, tried = doctest.testfile(str(path), module_relative=False, verbose=False)
    assert not failed
    assert tried


@every_page
def test_what_a_page_links_to_exists(name):
    targets = re.findall(r"\]\(([^)#:]+)\)", (DOCS / f"{name}.md").read_text())
    assert targets
    assert [t for t in targets if not (DOCS / t).is_file()] == []
