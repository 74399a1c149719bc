"""`kzoo runs` and `kzoo plot history`: finding, comparing and drawing runs."""

import json

import pytest
from support.commands import command, one_line

from kzoo.cli.history_figure import short_names
from kzoo.cli.run_records import differences, find_runs
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free


def record(**changes):
    return {
        "family": "gpt2",
        "started": "2024-05-01T10:00:00+00:00",
        "data": {"spec": "demo:stories"},
        "model": {"preset": "gpt2-nano", "parameters": 1000},
        "settings": {"monitor": "val_loss", "learning_rate": 0.1, "seed": 0},
        "backend": "jax",
        "epochs_done": 2,
        "steps_done": 20,
        "best": 1.5,
        "metrics": {"loss": 1.7, "val_loss": 1.5},
        "speed": {"tokens_per_second": 1234.0},
        "seconds": {"total": 61.0},
        **changes,
    }


def write(folder, content, epochs=2):
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "training.json").write_text(
            content if isinstance(content, str) else json.dumps(content)
        )
    rows = [
        {
            "kind": "epoch", "epoch": n, "step": 10 * n, "loss": 2.0 / n,
            "val_loss": 2.5 / n, "seconds": 3.0, "learning_rate": 0.1 / n,
        }
        for n in range(1, epochs + 1)
    ]  # fmt: skip
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "history.jsonl").write_text(lines)
    return folder


@pytest.fixture
def runs(tmp_path):
    """Return a folder with runs of every kind."""
    write(tmp_path / "a" / "one", record())
    write(
        tmp_path / "a" / "two",
        record(
            settings={"monitor": "val_loss", "learning_rate": 0.2, "seed": 0},
            metrics={"loss": 1.0, "val_loss": 1.1},
        ),
    )
    write(tmp_path / "lost", record(family="classifier", diverged=True, metrics={}))
    write(tmp_path / "torn", '{"family": "gp')
    write(tmp_path / "odd", "[1, 2]")
    write(tmp_path / "killed", None)
    (tmp_path / "none").mkdir()
    return tmp_path


def test_runs_are_found_below_folders_and_damaged_ones_are_lines(runs, capfd):
    done = command(capfd, "runs", runs, "--json")
    assert done.status == 0, done.err
    rows = {row["run"].rsplit("/", 1)[-1]: row for row in done.json["runs"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "one": "done", "two": "done", "lost": "diverged", "torn": "damaged",
        "odd": "damaged", "killed": "unfinished",
    }  # fmt: skip
    assert rows["one"]["best"] == 1.5
    assert rows["one"]["rate"] == 1234.0
    assert "cut short" in rows["torn"]["damage"]
    shown = command(capfd, "runs", runs)
    assert shown.status == 0
    for name in rows:
        assert f"/{name} " in shown.out
    assert "0:01:01" in shown.out


def test_runs_are_sorted_and_filtered(runs, capfd):
    done = command(capfd, "runs", runs, "--sort", "best", "--family", "gpt2", "--json")
    assert [row["best"] for row in done.json["runs"]] == [1.1, 1.5]
    done = command(
        capfd, "runs", runs, "--sort", "best", "--reverse", "--family", "gpt2", "--json"
    )
    assert [row["best"] for row in done.json["runs"]] == [1.5, 1.1]
    line = one_line(command(capfd, "runs", runs, "--sort", "bst"))
    assert "column='bst'. Known: run, status" in line
    assert command(capfd, "runs", runs, "--family", "gp").status == 2
    assert command(capfd, "runs", runs / "absent").status == 2


def test_runs_are_compared_by_what_differs(runs, capfd):
    done = command(capfd, "runs", runs / "a", "--diff", "--json")
    assert done.json["differences"] == {"settings.learning_rate": [0.1, 0.2]}
    shown = command(capfd, "runs", runs / "a", "--diff").out
    assert "settings.learning_rate 0.1 0.2" in " ".join(shown.split())
    same = find_runs([runs / "a" / "one"]) * 2
    assert differences(same) == {}


def test_no_runs_is_said(runs, capfd):
    assert "No runs here" in command(capfd, "runs", runs / "none").out


@pytest.mark.parametrize("by", ["epoch", "step", "seconds"])
def test_histories_are_drawn_over_each_other(runs, capfd, by):
    out = runs / f"{by}.png"
    names = [runs / "a" / "one", runs / "a" / "two", runs / "killed"]
    done = command(capfd, "plot", "history", *names, "--by", by, "--out", out, "--json")
    assert done.status == 0, done.err
    assert done.json["panels"] == ["loss", "learning_rate"]
    assert out.read_bytes().startswith(b"\x89PNG")


def test_an_unknown_axis_is_refused(runs, capfd):
    done = command(capfd, "plot", "history", runs / "a" / "one", "--by", "hours")
    assert "axis='hours'. Known: epoch, step, seconds" in one_line(done)


def test_names_are_as_short_as_they_may_be(tmp_path):
    assert short_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert short_names([tmp_path / "x" / "a", tmp_path / "y" / "a"]) == ["x/a", "y/a"]


def test_a_folder_that_is_none_is_an_error(tmp_path):
    with pytest.raises(InputError, match="looked for in folders"):
        find_runs([tmp_path / "absent"])
