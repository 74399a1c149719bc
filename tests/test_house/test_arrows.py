"""One arrow: keras <- kzoo <- kzoo.models <- kzoo.export <- kzoo.cli."""

import ast
import pathlib
import sys

import pytest
from support.repository import FLOORS, ROOT, files, imports

pytestmark = pytest.mark.backend_free

ORDER = list(FLOORS)
LONGEST_FILE = 400
BACKENDS = {
    "array_record",
    "jax",
    "jaxlib",
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "onnxruntime_extensions",
    "openvino",
    "tensorboard",
    "tensorflow",
    "tensorflow_datasets",
    "tensorflow_text",
    "tf2onnx",
    "torch",
    "transformers",
}
ALL_MAY = ("tests", "examples", "benchmarks")


def top(path, root):
    return path.relative_to(root).parts[0]


def upward_imports(root):
    """Return the imports that point at a floor above their own."""
    found = []
    for path in files(root, ".py"):
        if (floor := top(path, root)) not in ORDER:
            continue
        above = [FLOORS[name] for name in ORDER[ORDER.index(floor) + 1 :]]
        for item in imports(path, root):
            for package in above:
                if item.module == package or item.module.startswith(f"{package}."):
                    found.append(f"{item.where}: {FLOORS[floor]} imports {item.module}")
    return found


def bare_imports(root):
    """Return the imports of `models`, `export` or `cli` by their folders' names."""
    bare = set(ORDER) - {"kzoo"}
    return [
        f"{item.where}: {item.module}"
        for path in files(root, ".py")
        for item in imports(path, root)
        if item.module.split(".")[0] in bare
    ]


def eager_backends(root):
    """Return the backend imports that run when a module is imported."""
    return [
        f"{item.where}: {item.module}"
        for path in files(root, ".py")
        if top(path, root) not in ALL_MAY
        for item in imports(path, root)
        if item.at_module_level and item.module.split(".")[0] in BACKENDS
    ]


def foreign_to_layers(root):
    """Return what `kzoo/layers` imports beyond Keras, NumPy and itself."""
    allowed = set(sys.stdlib_module_names) | {"keras", "numpy"}
    # The files whose job a backend is.
    edges = {
        ("jax_kernels.py", "jax"),
        ("tensorflow_kernels.py", "tensorflow"),
        ("torch_kernels.py", "torch"),
    }
    return [
        f"{item.where}: {item.module}"
        for path in files(root / "kzoo" / "layers", ".py")
        for item in imports(path, root)
        if item.module.split(".")[0] not in allowed
        and (path.name, item.module.split(".")[0]) not in edges
        and not item.module.startswith(("kzoo.errors", "kzoo.layers"))
        and item.module != "kzoo"
    ]


def asserts(root):
    """Return the assert statements in library code: `python -O` drops them."""
    return [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in files(root, ".py")
        if top(path, root) in ORDER
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]


def long_files(root):
    """Return the Python files that are two files."""
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in files(root, ".py")
    }
    return [
        f"{path.relative_to(root)}:{length}"
        for path, length in lengths.items()
        if length > LONGEST_FILE
    ]


RULES = [
    upward_imports,
    bare_imports,
    eager_backends,
    foreign_to_layers,
    asserts,
    long_files,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule):
    offenders = rule(ROOT)
    assert not offenders, rule.__doc__ + "\n" + "\n".join(offenders)


WRONG = [
    ("kzoo/a.py", "import kzoo.models\n", "upward_imports"),
    ("kzoo/a.py", "from kzoo import cli\n", "upward_imports"),
    ("kzoo/a.py", "import kzoo\n\n\ndef f():\n    kzoo.export.x()\n", "upward_imports"),
    ("kzoo/layers/a.py", "from ..models import x\n", "upward_imports"),
    ("models/a.py", "def f():\n    from kzoo.export.b import c\n", "upward_imports"),
    ("export/a.py", "from kzoo.cli import main\n", "upward_imports"),
    ("examples/a.py", "import models\n", "bare_imports"),
    ("tests/a.py", "from cli.main import x\n", "bare_imports"),
    ("models/a.py", "import tensorflow as tf\n", "eager_backends"),
    ("kzoo/data/a.py", "try:\n    import torch\nexcept E:\n    0\n", "eager_backends"),
    ("export/a.py", "class A:\n    from onnx import helper\n", "eager_backends"),
    ("kzoo/layers/a.py", "def f():\n    import jax\n", "foreign_to_layers"),
    ("kzoo/layers/a.py", "from kzoo.data import load\n", "foreign_to_layers"),
    ("kzoo/layers/torch_kernels.py", "import jax\n", "foreign_to_layers"),
    ("cli/a.py", "x = 1\nassert x\n", "asserts"),
    ("models/a.py", "x = 1\n" * 401, "long_files"),
]


@pytest.mark.parametrize(("name", "text", "rule"), WRONG)
def test_a_rule_finds_its_offender(tmp_path, name, text, rule):
    write(tmp_path, name, text)
    found = {check.__name__: check(tmp_path) for check in RULES}
    assert len(found[rule]) >= 1
    assert found[rule][0].startswith(f"{name}:")


RIGHT = [
    ("cli/a.py", "from kzoo.export import x\nimport kzoo.models\n"),
    ("models/a.py", "from kzoo.models.presets import x\nfrom kzoo import layers\n"),
    ("models/b.py", "def f():\n    import torch\n"),
    ("kzoo/a.py", "from . import errors\nimport kzoo.layers\n"),
    ("kzoo/data/a.py", "if TYPE_CHECKING:\n    import tensorflow\n"),
    ("kzoo/layers/a.py", "import math\nfrom keras import ops\n"),
    ("examples/a.py", "import onnxruntime\nassert 1\nimport kzoo.cli\n"),
]


@pytest.mark.parametrize(("name", "text"), RIGHT)
def test_no_rule_finds_an_offender_where_there_is_none(tmp_path, name, text):
    write(tmp_path, name, text)
    assert [check(tmp_path) for check in RULES] == [[]] * len(RULES)


def write(root: pathlib.Path, name, text):
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
