"""The pictures of the command line."""

import pytest

from kzoo.cli.figures import confusion

pytestmark = pytest.mark.backend_free


def test_a_label_with_dollars_is_no_formula(tmp_path):
    metrics = {"confusion": [[3, 1], [0, 2]], "labels": ["$x_$", "a$"]}
    confusion(
        {**metrics, "accuracy": 5 / 6, "examples": 6},
        ["$x_$", "a$"],
        tmp_path / "a.png",
    )
    assert (tmp_path / "a.png").stat().st_size > 5_000
