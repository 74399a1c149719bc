"""Running `kzoo` in this process, and a run folder that is quick to make."""

import json
from typing import NamedTuple

import keras

from kzoo.cli.app import run

BACKEND = keras.backend.backend()
# One width of batches, and XLA where nothing is quick without it: few compilations.
JIT = "--jit" if BACKEND == "jax" else "--no-jit"
MODEL = (
    "--set", "hidden_dim=16", "--set", "num_layers=1", "--set", "intermediate_dim=24",
)  # fmt: skip


class Done(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)


def command(capfd, *arguments) -> Done:
    """Run one command line in this process."""
    capfd.readouterr()
    status = run([str(argument) for argument in arguments])
    return Done(status, *capfd.readouterr())


def one_line(done: Done) -> str:
    """Return the only line on standard error of a command that failed."""
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("kzoo: ")
    return lines[0]


def train_arguments(out, *more, data="demo:reviews", size=48):
    """Return the command line of a training that takes a second."""
    sized = ("--size", size) if data.startswith("demo:") else ()
    return (
        "train", "classifier", "--data", data, *sized, "--preset", "encoder-tiny",
        *MODEL, "--out", out, "--batch-size", 16, "--vocabulary-size", 200,
        "--max-length", 16, JIT, *more,
    )  # fmt: skip
