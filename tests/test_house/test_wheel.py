"""The wheel: what is in it, and that it works where there is no checkout."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile

import pytest
from support.repository import FLOORS, ROOT, files

pytestmark = pytest.mark.backend_free

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def installed_path(path):
    """Return where a file of the checkout stands in the wheel."""
    folder, *rest = path.relative_to(ROOT).parts
    return "/".join([*FLOORS[folder].split("."), *rest])


def sources():
    return [p for p in files() if p.relative_to(ROOT).parts[0] in FLOORS]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy: a build leaves folders in its tree."""
    tree = tmp_path_factory.mktemp("tree")
    others = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    for path in [*sources(), *others]:
        target = tree / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (tree / "tests").mkdir()
    (tree / "tests" / "__init__.py").touch()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", tree]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = (tree / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_every_source_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == {installed_path(path) for path in sources()}
    for package in FLOORS.values():
        assert f"{package.replace('.', '/')}/__init__.py" in names
    assert {name.split("/")[0] for name in names} == {"kzoo"}


def test_the_wheel_brings_the_command_and_the_licence(unpacked):
    (info,) = unpacked.glob("kzoo-*.dist-info")
    assert "kzoo = kzoo.cli:main" in (info / "entry_points.txt").read_text()
    assert (info / "licenses" / "LICENSE").is_file()
    metadata = (info / "METADATA").read_text()
    assert "License-Expression: Apache-2.0" in metadata
    assert f"Version: {PROJECT['project']['version']}" in metadata


@pytest.mark.parametrize("floor", FLOORS.values())
def test_the_wheel_is_imported_without_the_checkout(floor, unpacked, tmp_path):
    """Without `site` there is no editable install, and no folder of the checkout."""
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]; sys.path.append(sys.argv[2])\n"
        f"import {floor}; import kzoo\n"
        f"print({floor}.__file__); print(kzoo.__version__)"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, unpacked, purelib()],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    file, version = process.stdout.splitlines()
    assert pathlib.Path(file).is_relative_to(unpacked)
    assert version == PROJECT["project"]["version"]


def purelib():
    return sysconfig.get_paths()["purelib"]


def test_every_package_folder_is_in_the_list():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {
        ".".join(pathlib.PurePosixPath(installed_path(path)).parent.parts)
        for path in sources()
        if path.suffix == ".py"
    }
    assert found == listed


def test_every_package_folder_has_an_init_with_a_docstring():
    folders = {path.parent for path in sources() if path.suffix == ".py"}
    for folder in folders:
        text = (folder / "__init__.py").read_text().strip()
        assert text.startswith('"""'), folder.relative_to(ROOT)
