"""The command itself: help, versions, statuses, one line for each failure."""

import errno
import io
import json
import os
import subprocess
import sys

import pytest
import typer
from support.commands import command, one_line

import kzoo as package
from kzoo.cli import exit_status
from kzoo.cli.app import app as table
from kzoo.errors import InputError
from kzoo.export import ExportError

pytestmark = pytest.mark.backend_free

COMMANDS = (
    "quickstart", "train", "evaluate", "classify", "export", "validate", "convert",
    "presets", "data prepare", "plot history", "plot depth",
)  # fmt: skip


def test_help_is_quick_and_loads_no_keras():
    code = (
        "import sys; from kzoo.cli.app import run; status = run(['--help']); "
        "heavy = {'keras', 'numpy', 'tokenizers', 'tensorflow', 'jax', 'torch'}; "
        "sys.exit(status or 3 * bool(heavy & set(sys.modules)))"
    )
    before = os.times().children_user
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "quickstart" in done.stdout
    assert os.times().children_user - before < 1.0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name, capfd):
    done = command(capfd, *name.split(), "--help")
    assert done.status == 0
    assert done.err == ""
    assert "Usage: kzoo" in done.out
    app = typer.main.get_command(table)
    for part in name.split():
        app = app.commands[part]
    assert app.help
    for parameter in app.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


def test_version(capfd):
    done = command(capfd, "--version")
    assert (done.status, done.out.strip()) == (0, package.__version__)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["attic"], "No such command 'attic'"),
        (["train", "classifier", "--attic"], "No such option: --attic"),
        (["train"], "Missing argument 'FAMILY'"),
        (["train", "classifier", "--data", "demo:reviews"], "Missing option '--out'"),
        (["evaluate", "run", "--data", "x", "--batch-size", "0"], "batch-size"),
        (["presets", "attic"], "unexpected extra argument"),
        (["data", "attic"], "No such command 'attic'"),
    ],
)
def test_a_usage_error_is_one_line_and_status_2(arguments, line, capfd):
    done = command(capfd, *arguments)
    assert done.status == 2
    assert done.out == ""
    assert line in one_line(done)


def test_no_command_shows_the_help(capfd):
    done = command(capfd)
    assert done.status == 2
    assert "quickstart" in done.out + done.err


def test_json_owes_an_object_for_a_failure_too(capfd):
    done = command(capfd, "convert", "nowhere", "there", "--to", "attic", "--json")
    assert done.status == 2
    assert done.json == {"error": one_line(done)[6:], "exit_status": 2}


class _Report:
    def to_dict(self):
        return {"passed": False}


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            InputError("A rule.", "x=1", "Mend it."),
            2,
            "A rule. Received: x=1. Mend it.",
        ),
        (typer.BadParameter("wrong"), 2, "wrong"),
        (ExportError("It differs."), 1, "It differs."),
        (exit_status.Failure("Lost."), 1, "Lost."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (exit_status.Interrupted("Kept in run."), 130, "Kept in run."),
        (BrokenPipeError(), 1, ""),
        (
            OSError(errno.ENOSPC, "No space left on device", "f"),
            1,
            "'f' failed: No space",
        ),
        (ModuleNotFoundError("x", name="tf2onnx.a"), 1, 'pip install "kzoo[export]"'),
        (ModuleNotFoundError("x", name="attic"), 1, "install attic"),
        (MemoryError(), 1, "Lower --batch-size"),
        (ResourceExhaustedError("OOM"), 1, "Lower --batch-size"),
        (TypeError("a\n  b"), 1, "TypeError: a b"),
        (typer.Exit(0), 0, ""),
        (SystemExit(3), 3, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_has_its_status_and_its_line(error, status, line, capfd):
    assert exit_status.report(error, as_json=False) == status
    err = capfd.readouterr().err
    assert line in err
    assert len(err.splitlines()) == (1 if line else 0)


def test_an_export_error_hands_its_report_over(capfd):
    assert exit_status.report(ExportError("Differs.", _Report()), as_json=True) == 1
    answer = json.loads(capfd.readouterr().out)
    assert answer["report"] == {"passed": False}


def test_what_was_told_is_not_told_twice(capfd):
    failure = exit_status.Failure("Differs.", told=True)
    assert exit_status.report(failure, as_json=True) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Differs." in captured.err


def test_ctrl_c_anywhere_is_status_130(monkeypatch, capfd):
    from kzoo.cli import presets

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "describe_presets", interrupted)
    done = command(capfd, "presets")
    assert done.status == 130
    assert one_line(done) == "kzoo: Interrupted."


def test_debug_shows_where(capfd, monkeypatch):
    monkeypatch.setenv("KZOO_DEBUG", "1")
    with pytest.raises(TypeError) as caught:
        raise TypeError("deep")
    assert exit_status.report(caught.value, as_json=False) == 1
    assert "test_app.py" in capfd.readouterr().err


def test_printing_never_fails_on_an_encoding(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    from kzoo.cli.app import run

    assert run(["presets"]) == 0
    print("Ein Hund läuft.")
    stream.flush()
    assert b"l\\xe4uft" in stream.buffer.getvalue()
