"""Two workers in network namespaces of their own, and a link that is cut."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import support.worker

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow_only]

WORKER = pathlib.Path(support.worker.__file__)
NAMES = ("kzoo-a", "kzoo-b")
TIMEOUT = 10  # s without a word after which a worker is given up
OPTIONS = {"epochs": 12, "data": {"count": 11, "batch_size": 5}, "every_steps": 2}


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture
def link():
    """Two namespaces with a cable between them; returns what cuts and mends it."""
    if (
        shutil.which("ip") is None
        or ip("netns", "add", NAMES[0], check=False).returncode
    ):
        pytest.skip("network namespaces are not allowed here")
    try:
        ip("netns", "add", NAMES[1])
        ip("link", "add", "kzoo-0", "netns", NAMES[0], "type", "veth",
           "peer", "name", "kzoo-1", "netns", NAMES[1])  # fmt: skip
        for number, name in enumerate(NAMES):
            inside = ("-n", name)
            address = f"10.213.7.{number + 1}/24"
            ip(*inside, "address", "add", address, "dev", f"kzoo-{number}")
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "link", "set", f"kzoo-{number}", "up")
        yield lambda state: ip("-n", NAMES[0], "link", "set", "kzoo-0", state)
    finally:
        for name in NAMES:
            ip("netns", "delete", name, check=False)


def start(folder, **options):
    """Start both workers, each in its namespace."""
    workers = [f"10.213.7.{number + 1}:23456" for number in range(2)]
    options = json.dumps({**OPTIONS, "timeout": TIMEOUT, **options})
    started = []
    for index, name in enumerate(NAMES):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": workers}, "task": task})
        command = ["ip", "netns", "exec", name, sys.executable, str(WORKER)]
        command += ["multiworker", "classifier", str(folder), options]
        environment = {**os.environ, "TF_CONFIG": config}
        started.append(subprocess.Popen(command, env=environment))
    return started


def ended(processes):
    """Return how both ended, by themselves."""
    try:
        return [process.wait(900) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def weights_in(folder):
    with np.load(folder / "1.npz") as saved:
        return [saved[name] for name in saved.files if name.startswith("w")]


def test_a_cut_link_is_noticed_and_survived(link, tmp_path):
    """Both workers end in bounded time, and go on when the link is back."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    assert ended(start(whole)) == [0, 0]
    processes = start(cut, pause=0.2)
    try:
        limit = time.monotonic() + 900
        while (
            len((cut / "steps-1").read_text()) < 14 if (cut / "steps-1").exists() else 1
        ):
            assert time.monotonic() < limit, "the workers took no steps"
            time.sleep(0.02)
        link("down")
        cut_at = time.monotonic()
        statuses = [process.wait(120) for process in processes]
        assert all(statuses), statuses
        assert time.monotonic() - cut_at < 12 * TIMEOUT
    finally:
        for process in processes:
            process.kill()
            process.wait()
    link("up")
    assert ended(start(cut)) == [0, 0]
    for found, expected in zip(weights_in(cut), weights_in(whole), strict=True):
        assert np.array_equal(found, expected)
