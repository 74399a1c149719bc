"""The study of depth, at sizes of seconds."""

import dataclasses
import math

import numpy as np
import pytest
from support.arrays import assert_close
from support.gradients import gradients

from kzoo.errors import InputError
from kzoo.training import depth_study
from kzoo.training.depth_stacks import RECIPES, make_stack

TINY = depth_study.Setting(
    "mlp", ("plain", "pre"), (3,), (1, 3), 5, 1e-3, (1e-3, 1e3), ("pre",)
)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("kind", ["mlp", "encoder"])
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_stack(kind, name):
    model = make_stack(kind, name, 2)
    x, y = next(depth_study.batches(kind, 3))
    logits = np.asarray(model.predict_on_batch(x))
    assert logits.shape[:-1] == y.shape
    assert y.max() < logits.shape[-1]
    assert np.isfinite(logits).all()


@pytest.mark.slow_on("jax")
def test_the_tables_have_a_row_for_everything_that_was_asked(tmp_path):
    said = []

    def say(line):
        said.append(line)
        rows = depth_study.read_tables(tmp_path)["rates"] if said[1:] else []
        assert len(rows) == len(said) - 1  # what was measured is written

    tables = depth_study.run_study([TINY], say=say, folder=tmp_path)
    assert said == ["mlp plain 1", "mlp plain 3", "mlp pre 1", "mlp pre 3"]
    assert [row["layer"] for row in tables["layers"]] == [1, 2, 3] * 2
    assert all(row["gradient"] > 0 < row["activation"] for row in tables["layers"])
    losses = [(row["recipe"], row["depth"]) for row in tables["losses"]]
    warmed = [("pre", 1), ("pre", 1), ("pre", 3), ("pre", 3)]  # without and with
    assert losses == [("plain", 1), ("plain", 3), *warmed]
    assert [row["warmup"] for row in tables["losses"]] == [0, 0, 0, 1, 0, 1]
    assert [row["depth"] for row in tables["rates"]] == [1, 3, 1, 3]
    again = depth_study.read_tables(tmp_path)
    for name, rows in tables.items():
        assert len(again[name]) == len(rows)
        for mine, theirs in zip(rows, again[name], strict=True):
            assert mine == pytest.approx(theirs, nan_ok=True)


def test_the_recorded_gradients_are_those_of_the_backend():
    setting = dataclasses.replace(TINY, recipes=("post",))
    stack = depth_study._Stack(setting, "post", 3, seed=0)
    rows = stack.by_layer()
    x, y = next(depth_study.batches("mlp", 1))
    logits = np.asarray(stack.model.predict_on_batch(x)).astype("float64")
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    upstream = (shares - np.eye(4)[y]) / len(x)  # of the mean cross-entropy
    _, found = gradients(stack.model, x, upstream.astype("float32"))
    for index, row in enumerate(rows):
        part = [
            gradient
            for variable, gradient in zip(
                stack.model.trainable_variables, found, strict=True
            )
            if f"block_{index}/" in variable.path
        ]
        expected = math.sqrt(sum(float(np.sum(g.astype("float64") ** 2)) for g in part))
        assert_close(np.array(row["gradient"]), np.array(expected), 1e-4)


@pytest.mark.slow_on("tensorflow", "jax")
def test_a_plain_stack_loses_its_gradient_with_depth_and_pre_does_not():
    ratios = {}
    for name in ("plain", "pre", "deep-norm"):
        stack = depth_study._Stack(TINY, name, 13, seed=0)
        rows = stack.by_layer()
        ratios[name] = rows[0]["gradient"] / rows[-1]["gradient"]
    assert ratios.pop("plain") < 0.05
    assert all(0.05 < ratio < 20 for ratio in ratios.values()), ratios


@pytest.mark.slow_on("jax")
def test_every_training_starts_from_the_same_weights():
    stack = depth_study._Stack(TINY, "pre", 2, seed=0)
    once, other, twice = stack._train(1e-3), stack._train(1e-1), stack._train(1e-3)
    assert once == pytest.approx(twice, rel=1e-5)
    assert once[0] == pytest.approx(other[0], rel=1e-5)
    assert once[1] != other[1]


def test_what_learns_at_no_rate_is_no_number():
    setting = dataclasses.replace(TINY, rates=(1e-9,))
    stack = depth_study._Stack(setting, "plain", 2, seed=0)
    assert math.isnan(stack.largest_rate()["largest_rate"])


def test_the_encoders_task_is_to_say_it_backwards():
    x, y = next(depth_study.batches("encoder", 3))
    assert np.array_equal(x[:, ::-1], y)
    again, _ = next(depth_study.batches("encoder", 3))
    assert np.array_equal(x, again)


def test_what_is_unknown_lists_the_known():
    with pytest.raises(InputError, match="No such kind.*mlp, encoder"):
        make_stack("cnn", "pre", 2)
    with pytest.raises(InputError, match="No such name.*plain.*t-fixup"):
        make_stack("mlp", "x", 2)
    with pytest.raises(InputError, match="1 or more.*depth=0"):
        make_stack("mlp", "pre", 0)
