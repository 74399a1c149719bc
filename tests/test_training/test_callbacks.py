"""Callbacks around `fit`: what they write, keep, count and stop."""

import csv
import json
import math

import keras
import numpy as np
import pytest
from support.small_fits import BATCH, ROWS, STEPS, small_fit, small_model

from kzoo.errors import InputError
from kzoo.training import (
    BestPreset,
    HistoryLog,
    RequireFiniteLoss,
    StopAtStep,
    ThroughputLog,
    WarmupDecay,
    read_history,
)
from kzoo.training.learning_rate import learning_rate_of


def schedule():
    return WarmupDecay(0.1, total_steps=2 * STEPS, warmup_steps=3)


@pytest.mark.slow_on("jax")
def test_history_has_a_row_for_each_epoch(tmp_path):
    log = HistoryLog(tmp_path / "run")
    result = small_fit(small_model(), log, epochs=3)
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["step"] for row in rows] == [str(STEPS * n) for n in (1, 2, 3)]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert [float(row[name]) for row in rows] == result.history[name]
    objects = read_history(tmp_path / "run")
    assert [row["kind"] for row in objects] == ["epoch"] * 3
    assert [row["val_loss"] for row in objects] == result.history["val_loss"]
    assert (log.epochs, log.steps) == (3, 3 * STEPS)


def test_history_writes_each_nth_step_with_its_learning_rate(tmp_path):
    optimizer = keras.optimizers.SGD(schedule())
    small_fit(small_model(optimizer), HistoryLog(tmp_path, every_steps=4))
    steps = [row for row in read_history(tmp_path) if row["kind"] == "step"]
    assert [row["step"] for row in steps] == [4, 8, 12]
    assert [row["epoch"] for row in steps] == [1, 2, 2]
    expected = [float(schedule()(step - 1)) for step in (4, 8, 12)]
    assert [row["learning_rate"] for row in steps] == pytest.approx(expected)
    assert all(math.isfinite(row["loss"]) for row in steps)


def test_history_goes_on_behind_what_a_crash_left(tmp_path):
    small_fit(small_model(), HistoryLog(tmp_path), epochs=1)
    for name in ("history.csv", "history.jsonl"):
        with open(tmp_path / name, "a") as file:
            file.write('{"kind": "epo')
    small_fit(small_model(), HistoryLog(tmp_path), epochs=1)
    assert [row["epoch"] for row in read_history(tmp_path)] == [1, 1]
    with open(tmp_path / "history.csv", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[:2] == ["epoch", "step"]
    assert [len(row) for row in rows] == [len(header)] * 2


def test_history_writes_null_for_what_is_not_finite(tmp_path):
    log = HistoryLog(tmp_path)
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": math.nan, "accuracy": 0.5})
    assert json.loads((tmp_path / "history.jsonl").read_text())["loss"] is None
    assert (tmp_path / "history.csv").read_text().endswith("1,0,,0.5\n")


def test_history_refuses_a_negative_stride(tmp_path):
    with pytest.raises(ValueError, match="Received: every_steps=-1"):
        HistoryLog(tmp_path, every_steps=-1)


@pytest.mark.parametrize("text", [None, "", '{"kind": "epo'])
def test_no_history_is_an_input_error(tmp_path, text):
    if text is not None:
        (tmp_path / "history.jsonl").write_text(text)
    with pytest.raises(InputError, match="history with one row or more"):
        read_history(tmp_path)


def test_throughput_is_among_the_logs_of_the_callbacks_behind_it(tmp_path):
    optimizer = keras.optimizers.SGD(schedule())
    small_fit(small_model(optimizer), ThroughputLog(BATCH, ROWS), HistoryLog(tmp_path))
    rows = read_history(tmp_path)
    for row in rows:
        assert row["seconds"] > 0
        assert row["examples_per_second"] > 0
    expected = [float(schedule()(n * STEPS - 1)) for n in (1, 2)]
    assert [row["learning_rate"] for row in rows] == pytest.approx(expected)


def test_throughput_counts_all_examples_but_those_of_the_first_step():
    log = ThroughputLog(BATCH, ROWS)
    log.set_params({"steps": STEPS})
    log.set_model(small_model())
    for epoch, seen in ((0, ROWS - BATCH), (1, ROWS)):
        log.on_epoch_begin(epoch)
        for step in range(STEPS):
            log.on_train_batch_end(step)
        logs = {}
        log.on_epoch_end(epoch, logs)
        elapsed = log._last - log._mark
        assert logs["examples_per_second"] == pytest.approx(seen / elapsed)


def test_throughput_refuses_no_batch():
    with pytest.raises(ValueError, match="Received: batch_size=0"):
        ThroughputLog(0)


@pytest.mark.parametrize(
    ("mode", "values", "saved", "best"),
    [
        ("min", [3.0, 2.0, 2.5, 2.0, 1.0], [0, 1, 4], 1.0),
        ("max", [0.5, 0.4, 0.6, 0.6], [0, 2], 0.6),
        ("min", [math.nan, 2.0, math.inf, math.nan], [1], 2.0),
        ("min", [math.nan, math.inf], [], None),
    ],
)
def test_best_preset_saves_each_best_epoch(mode, values, saved, best):
    calls, epoch = [], -1
    keeper = BestPreset(lambda: calls.append(epoch), "watched", mode)
    for epoch, value in enumerate(values):  # noqa: B007  read by the function above
        keeper.on_epoch_end(epoch, {"watched": value, "loss": float(epoch)})
    assert calls == saved
    assert keeper.best == best
    assert keeper.best_epoch == (saved[-1] + 1 if saved else None)
    assert keeper.best_logs.get("loss") == (saved[-1] if saved else None)


def test_best_preset_saves_every_epoch_without_a_value_to_compare():
    calls = []
    keeper = BestPreset(lambda: calls.append(1), None)
    small_fit(small_model(), keeper, epochs=3, validate=False)
    assert len(calls) == keeper.best_epoch == 3


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val_loss", "min"), ("val_accuracy", "max"), ("val_f1", "max"), (None, "min")],
)
def test_best_preset_knows_which_way_is_better(monitor, mode):
    assert BestPreset(print, monitor).mode == mode


def test_best_preset_names_what_an_epoch_ends_with():
    keeper = BestPreset(lambda: None, "val_losss")
    with pytest.raises(InputError, match="monitor='val_losss'.*Known: .*val_loss"):
        small_fit(small_model(), keeper, epochs=1)
    with pytest.raises(InputError, match="mode='up'"):
        BestPreset(print, "loss", "up")


@pytest.mark.parametrize("total", [1, STEPS - 1, STEPS, STEPS + 2])
def test_stop_at_step_takes_exactly_that_many(total, tmp_path):
    log = HistoryLog(tmp_path)
    small_fit(small_model(), StopAtStep(total), log, epochs=3)
    assert log.steps == total
    assert "val_loss" in read_history(tmp_path)[-1]


def test_stop_at_step_counts_every_training_anew(tmp_path):
    log, stop = HistoryLog(tmp_path), StopAtStep(STEPS + 2)
    for _ in range(2):
        small_fit(small_model(), stop, log, epochs=3)
        assert stop.steps == STEPS + 2
    assert log.steps == 2 * (STEPS + 2)


def test_stop_at_step_refuses_none():
    with pytest.raises(InputError, match="total_steps=0"):
        StopAtStep(0)


def test_a_lost_loss_ends_the_training_with_its_step_and_rate():
    optimizer = keras.optimizers.SGD(1e38)
    model = small_model(optimizer)
    with pytest.raises(FloatingPointError, match="loss=(nan|inf) at step .*1e.38"):
        small_fit(model, RequireFiniteLoss(), epochs=5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_learning_rate_of_a_step(wrapped):
    optimizer = keras.optimizers.SGD(schedule())
    if wrapped:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    values = [learning_rate_of(optimizer, step) for step in range(2 * STEPS)]
    expected = [float(schedule()(step)) for step in range(2 * STEPS)]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert learning_rate_of(keras.optimizers.SGD(0.25), 7) == 0.25
