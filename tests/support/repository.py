"""The repository's files and imports, read without importing them."""

import ast
import dataclasses
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[2]

# Folder at the top to the package it is installed as, lowest floor first.
FLOORS = {
    "kzoo": "kzoo",
    "models": "kzoo.models",
    "export": "kzoo.export",
    "cli": "kzoo.cli",
}
NOT_SOURCES = {"__pycache__", "build", "dist", "node_modules", "shared"}


def files(root=ROOT, suffix=""):
    """Return the files of a checkout: git's where there is git, else all but junk."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in root.rglob("*") if not _is_junk(path, root)]
    return sorted(
        path for path in set(found) if path.is_file() and path.name.endswith(suffix)
    )


def _is_junk(path, root):
    parts = path.relative_to(root).parts
    return any(
        part.startswith(".") or part in NOT_SOURCES or part.endswith(".egg-info")
        for part in parts[:-1]
    )


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported module, and where.

    Attributes:
        module: Its full name; for `from a import b` both `a` and `a.b` are listed.
        where: `file:line`.
        at_module_level: Whether it runs when its file is imported.
    """

    module: str
    where: str
    at_module_level: bool


def imports(path, root=ROOT):
    """Return every import of a Python file, at any depth, and `kzoo.x` attributes."""
    path = pathlib.Path(path)
    name = path.relative_to(root)
    tree = ast.parse(path.read_text(encoding="utf-8"), str(name))
    package = ".".join([*FLOORS.get(name.parts[0], "").split("."), *name.parts[1:-1]])
    found = []
    for node, top in _walk(tree, True):
        for module in _modules(node, package):
            found.append(Import(module, f"{name}:{node.lineno}", top))
    return found


def _walk(node, top):
    """Yield each node and whether it runs when the file is imported."""
    for child in ast.iter_child_nodes(node):
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        yield child, top
        yield from _walk(child, top and not inside and not typing)


def _modules(node, package):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")
            above = above[: len(above) - node.level + 1]
            base = ".".join([*above, base]).strip(".")
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return [f"kzoo.{node.attr}"] if node.value.id == "kzoo" else []
    return []
