"""`kzoo generate`: what it prints, and what it refuses."""

import json

import pytest
from support.commands import command, one_line
from support.small_gpt2 import lettered_gpt2

pytestmark = pytest.mark.backend_free


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2") / "run"
    lettered_gpt2().save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def expected():
    return lettered_gpt2().generate(["the cat", "a dog"], max_new_tokens=9)


def test_a_text_is_printed_with_what_follows(run, expected, capfd):
    out = command(capfd, "generate", run, "the cat", "a dog", "--max-new-tokens", 9).out
    assert out == "the cat" + expected[0] + "\na dog" + expected[1] + "\n"


def test_json_has_one_object_for_each_prompt(run, expected, capfd):
    arguments = ("the cat", "a dog", "--max-new-tokens", 9, "--json")
    out = command(capfd, "generate", run, *arguments).out
    found = [json.loads(line) for line in out.splitlines()]
    assert [row["completion"] for row in found] == expected
    assert [row["prompt"] for row in found] == ["the cat", "a dog"]


def test_a_file_gives_a_line_for_each_prompt(run, expected, tmp_path, capfd):
    (tmp_path / "prompts.txt").write_text("the cat\na dog\n")
    source = ("--input", tmp_path / "prompts.txt", "--batch-size", 1)
    out = command(capfd, "generate", run, *source, "--max-new-tokens", 9).out
    lines = out.split("\n")[:-1]
    assert lines == [text.replace("\n", "\\n") for text in expected]


def test_ways_of_choosing(run, capfd):
    ways = {
        "greedy": (),
        "drawn": ("--temperature", 2.0, "--seed", 1),
        "drawn again": ("--temperature", 2.0, "--seed", 1),
        "drawn otherwise": ("--temperature", 2.0, "--seed", 2),
        "filtered": ("--top-k", 1, "--top-p", 0.5, "--min-p", 0.1),
        "beams": ("--num-beams", 2, "--length-penalty", 0.5),
        "contrast": ("--contrastive", 0.0, "--top-k", 2),
        "draft": ("--draft", run),
        "penalty": ("--repetition-penalty", 50.0),
    }
    found = {}
    for name, way in ways.items():
        arguments = ("abc", "--max-new-tokens", 12, *way)
        found[name] = command(capfd, "generate", run, *arguments).out
    for name in ("filtered", "contrast", "draft"):
        assert found[name] == found["greedy"]
    assert found["drawn"] == found["drawn again"]
    assert found["drawn"] != found["drawn otherwise"]
    assert found["penalty"] != found["greedy"]
    assert len(found["beams"]) == len(found["greedy"])


def test_a_stop_string(run, expected, capfd):
    stop = expected[0][4:6]
    arguments = ("the cat", "--max-new-tokens", 9, "--stop", stop.replace("\n", "\\n"))
    out = command(capfd, "generate", run, *arguments).out
    whole = "the cat" + expected[0].split(stop)[0] + "\n"
    assert out == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("abc", "--top-k", 0), "top_k=0"),
        (("abc", "--temperature", -1), "temperature=-1.0"),
        (("abc", "--top-p", 1.5), "top_p=1.5"),
        (("abc", "--max-new-tokens", 0), "max_new_tokens=0"),
        (("abc", "--num-beams", 2, "--top-k", 3), "--num-beams beside --top-k"),
        (("",), "at least one token"),
        (("ß",), "ß"),
        (("abc " * 40,), "context together"),
        (("abc", "--input", "x.txt"), "TEXT beside --input"),
    ],
)
def test_what_is_refused(run, arguments, message, capfd):
    done = command(capfd, "generate", run, *arguments)
    assert done.status == 2
    assert message in one_line(done)


def test_a_folder_that_is_none(tmp_path, capfd):
    done = command(capfd, "generate", tmp_path / "nowhere", "abc")
    assert done.status == 2
    assert "which is no folder" in one_line(done)
