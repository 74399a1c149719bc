"""One small run that the tests of evaluate, classify and convert share."""

import pytest
from support.commands import train_arguments

from kzoo.cli.app import run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert run(map_to_text(train_arguments(folder, "--epochs", 1))) == 0
    return folder


def map_to_text(arguments):
    return [str(argument) for argument in arguments]
