"""What stands, or must not stand, in the repository's text."""

import re
import tomllib

import pytest
from support.repository import ROOT, files

pytestmark = pytest.mark.backend_free

# A path from the root of somebody's machine; not a part of an address.
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}*-])/(?:work|root|home|Users|mnt)/\w")


def texts():
    for path in files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_file_names_a_path_of_one_machine():
    offenders = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("folder", ["work", "root", "home", "Users"])
def test_a_path_of_one_machine_is_found(folder):
    assert MACHINE_PATH.search(f"open('/{folder}/x/y')")
    assert not MACHINE_PATH.search(f"https://example.com/{folder}/x")
    assert not MACHINE_PATH.search(f"../{folder}/x")


def test_constraints_pin_every_version():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    pin = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
    offenders = [
        f"constraints.txt:{number}: {line}"
        for number, line in enumerate(lines, 1)
        if not pin.fullmatch(line)
    ]
    assert not offenders, "\n".join(offenders)
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines]
    assert len(set(names)) == len(names)


def test_constraints_name_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {k: v for k, v in project["optional-dependencies"].items() if k != "bench"}
    wanted = [
        *project["dependencies"],
        *(r for group in extras.values() for r in group),
    ]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in wanted}
    text = (ROOT / "constraints.txt").read_text().lower()
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]) for line in text.split()}
    missing = {re.sub(r"[-_.]+", "-", name) for name in names} - pinned - {"kzoo"}
    assert missing == set()
