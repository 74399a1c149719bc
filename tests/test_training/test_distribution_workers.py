"""Training in two processes of this host, against training in one."""

import json
import os
import pathlib
import signal
import sys
import threading
import time

import numpy as np
import pytest
import support.worker
from support.groups import assert_trains_as_one_process
from support.trainings import FAMILIES

from kzoo.training.distribution import environments, launching

WORKER = pathlib.Path(support.worker.__file__)
ONE = "import os, sys, time; rank = int(os.environ['RANK']); "


def run(code, workers=2, **options):
    """Launch a line of Python that does not import kzoo; return status and words."""
    said = []
    command = [sys.executable, "-c", ONE + code]
    status = launching.launch(command, workers, tell=said.append, **options)
    return status, said


pytestmark = pytest.mark.backend_free


def test_workers_know_who_they_are(tmp_path, capfd):
    code = f"open(f'{tmp_path}/{{rank}}', 'w').write(os.environ['TF_CONFIG']); "
    status, said = run(code + "print('I am', rank)", workers=3)
    assert (status, said) == (0, [])
    told = [json.loads((tmp_path / str(rank)).read_text()) for rank in range(3)]
    assert [each["task"]["index"] for each in told] == [0, 1, 2]
    assert len({json.dumps(each["cluster"]) for each in told}) == 1
    assert len(set(told[0]["cluster"]["worker"])) == 3
    captured = capfd.readouterr()
    assert captured.out == "I am 0\n"
    assert sorted(captured.err.splitlines()) == ["[1] I am 1", "[2] I am 2"]


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137)]
)
def test_one_that_fails_ends_the_others(end, status):
    before = time.monotonic()
    code = f"{end} if rank == 1 else time.sleep(60)"
    assert run(code, grace=0.4) == (
        status,
        [f"kzoo: worker 1 ended with status {status}"],
    )
    assert time.monotonic() - before < 30


def test_a_lost_worker_starts_the_group_anew(tmp_path):
    """The second worker is killed twice; the third start does it."""
    code = f"""
path = f'{tmp_path}/starts'
open(path, 'a').write('x') if rank else time.sleep(0.2)
if rank and len(open(path).read()) < 3: os.kill(os.getpid(), 9)
time.sleep(0 if rank else 0.5)
"""
    lines = [
        sys.executable,
        "-c",
        "import os, time; rank = int(os.environ['RANK'])" + code,
    ]
    said, commands = [], []

    def again(command):
        commands.append(command)
        return command

    options = {"again": again, "tell": said.append, "grace": 0.2}
    assert launching.launch(lines, 2, restarts=5, **options) == 0
    assert len(commands) == 2
    assert said[-1] == "kzoo: start 2 of 5 after status 137"
    assert launching.launch(lines, 2, restarts=0, **options) == 0


@pytest.mark.parametrize("status", [2, 130, 143])
def test_what_another_start_does_not_mend(status):
    assert run(f"sys.exit({status})", restarts=3, grace=0.2)[0] == status


def test_signals_are_handed_on(tmp_path):
    code = f"""
import signal, os, time, sys
rank = os.environ['RANK']
def heard(number, frame):
    open(f'{tmp_path}/{{rank}}', 'w').write(str(number)); sys.exit(143)
signal.signal(signal.SIGTERM, heard)
if rank == '0': time.sleep(0.5); os.kill(os.getppid(), signal.SIGTERM)
time.sleep(30)
"""
    status = launching.launch([sys.executable, "-c", code], 2, restarts=3)
    assert status == 143
    for rank in "01":
        assert (tmp_path / rank).read_text() == str(int(signal.SIGTERM))


def test_gpus_are_shared_equally():
    visible = {"CUDA_VISIBLE_DEVICES": "0,1,2"}
    assert environments.share_of_gpus(1, 2, visible) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert environments.share_of_gpus(0, 4, visible) == {}


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("family", FAMILIES)
def test_two_workers_train_as_one_process(family, tmp_path):
    """Fifty steps, with uneven and empty shares."""
    options = {"epochs": 17, "data": {"count": 11, "batch_size": 5}}
    assert_trains_as_one_process("multiworker", family, tmp_path, **options)


LONG = {"epochs": 12, "data": {"count": 11, "batch_size": 5}, "every_steps": 2}


def command_of(folder, **options):
    options = json.dumps({**LONG, **options})
    return [sys.executable, str(WORKER), "multiworker", "classifier", folder, options]


def weights_in(folder, rank=0):
    with np.load(folder / f"{rank}.npz") as saved:
        return {name: saved[name] for name in saved.files}


def wait_for_steps(folder, rank, steps, seconds=120):
    """Wait until a worker has taken so many steps, counted over its starts."""
    path, limit = folder / f"steps-{rank}", time.monotonic() + seconds
    while not path.exists() or path.stat().st_size < steps:
        assert time.monotonic() < limit, f"worker {rank} took no {steps} steps"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert launching.launch(command_of(str(folder)), 2) == 0
    return weights_in(folder)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_changes_nothing(victim, undisturbed, tmp_path):
    """Killed in the middle of an epoch, the group goes on to the same bits."""

    def kill():
        wait_for_steps(tmp_path, victim, 14)
        os.kill(int((tmp_path / f"pid-{victim}").read_text()), signal.SIGKILL)

    killer, said = threading.Thread(target=kill, daemon=True), []
    killer.start()
    command = command_of(str(tmp_path), pause=0.1)
    assert launching.launch(command, 2, restarts=2, tell=said.append) == 0
    killer.join(1)
    assert said[-1].startswith("kzoo: start 1 of 2 after status")
    found = weights_in(tmp_path)
    assert found.keys() == undisturbed.keys()
    for name, value in undisturbed.items():
        if name != "history":
            assert np.array_equal(found[name], value), name
