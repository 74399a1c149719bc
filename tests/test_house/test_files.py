"""Writing files whole."""

import json
import math

import pytest

from kzoo.files import json_text, read_json, write_json

pytestmark = pytest.mark.backend_free


def test_json_has_no_word_for_infinity(tmp_path):
    value = {
        "loss": math.inf,
        "é": [math.nan, 1.5, (True, None, "inf")],
        "n": -math.inf,
    }
    expected = {"loss": None, "é": [None, 1.5, [True, None, "inf"]], "n": None}
    assert json.loads(json_text(value), parse_constant=pytest.fail) == expected
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == expected
