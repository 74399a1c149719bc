"""How fast a training was: step times, waiting for data, MFU, profiles."""

import contextlib
import json
import threading
import time

import keras
import pytest
from support.small_fits import BATCH, ROWS, STEPS, small_data, small_fit, small_model

from kzoo import training
from kzoo.errors import InputError
from kzoo.training import (
    HistoryLog,
    ProfileSteps,
    SkipNonFinite,
    StopAtStep,
    ThroughputLog,
    throughput_log,
)
from kzoo.training.device_figures import device_names, peak_flops, peak_memory
from kzoo.training.input_wait import _StepEnd, _Timed

BACKEND = keras.backend.backend()


class Slow(keras.utils.PyDataset):
    """Data whose batches take their time."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.x, self.y = small_data()

    def __len__(self):
        return 5

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return self.x[:BATCH], self.y[:BATCH]


class SlowModel(keras.Model):
    """A model whose forward pass takes 0.2 s, on TensorFlow."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x) + slow_zero(0.2)


def slow_zero(seconds):
    import tensorflow as tf

    def sleep():
        time.sleep(seconds)
        return 0.0

    return tf.ensure_shape(tf.py_function(sleep, [], tf.float32), ())


def tf_data(seconds=0.0):
    """Return a batch that is not made before it is asked for."""
    import tensorflow as tf

    x, y = small_data()
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    data = tf.data.Dataset.from_tensors((x[:BATCH], y[:BATCH])).with_options(options)
    return data.map(lambda x, y: (x + slow_zero(seconds), y)) if seconds else data


def test_an_epoch_has_its_step_times_and_memory():
    log = ThroughputLog(BATCH, ROWS)
    history = small_fit(small_model(), log).history
    for epoch in range(2):
        p50, p90, p99 = (history[f"step_ms_p{n}"][epoch] for n in (50, 90, 99))
        assert 0 < p50 <= p90 <= p99
        assert history["peak_memory_mb"][epoch] > 10
        assert "mfu" not in history
    assert ("input_wait" in history) == (BACKEND != "tensorflow")
    assert log.figures["step_ms_p50"] == history["step_ms_p50"][-1]


def replicas(count):
    """Return a scope in which TensorFlow's models have so many replicas."""
    if count == 1:
        return contextlib.nullcontext()
    return training.strategy("mirrored", devices=count).scope()


@pytest.mark.parametrize("count", [1, 2] if BACKEND == "tensorflow" else [1])
def test_waiting_for_data_is_counted(count):
    log = ThroughputLog(BATCH)
    data = tf_data(0.05).repeat(5) if BACKEND == "tensorflow" else Slow(0.05)
    callbacks = [SkipNonFinite(), log]
    with replicas(count):
        model = small_model()
    model.fit(data, verbose=0, epochs=2, shuffle=False, callbacks=callbacks)
    assert log._wait.seconds >= 0.2  # the sleep of four batches at least
    assert 0.0 < log.figures["input_wait"] <= 1.0


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(("steps_per_execution", "count"), [(1, 1), (2, 1), (1, 2)])
def test_a_step_of_tensorflow_is_no_wait(steps_per_execution, count):
    """A step that takes its time, of data that are there."""
    options = {"jit_compile": False, "steps_per_execution": steps_per_execution}
    with replicas(count):
        model = SlowModel()
        model.compile("sgd", "mse", **options)
    log = ThroughputLog(BATCH)
    callbacks = [SkipNonFinite(), log]
    model.fit(tf_data().repeat(6), verbose=0, shuffle=False, callbacks=callbacks)
    assert log.figures["step_ms_p50"] >= 200
    assert log.figures["input_wait"] < 0.5


class Running:
    """What a step computes, which is there when it is told to be."""

    def __init__(self):
        self.ended = threading.Event()
        self.is_ready = self.ended.is_set

    def block_until_ready(self):
        self.ended.wait()
        return self


@pytest.mark.skipif(BACKEND != "jax", reason="of the iterators of JAX's train function")
@pytest.mark.parametrize("ends", ["before", "within", "behind"])
def test_a_batch_is_waited_for_when_the_last_step_has_ended(ends):
    step, end = Running(), _StepEnd()

    def batches():
        for _ in range(3):
            time.sleep(0.05)
            if ends == "within":
                step.ended.set()
            time.sleep(0.2)
            yield "batch"

    if ends == "before":
        step.ended.set()
    end.watch({"loss": step})
    timed = _Timed(batches(), end)
    began = time.perf_counter()
    assert next(timed) == "batch"
    taken = time.perf_counter() - began
    step.ended.set()
    assert list(timed) == ["batch"] * 2
    assert timed.count == 3  # the first one stands for all
    if ends == "before":
        assert timed.waited >= 0.25
    elif ends == "within":
        assert 0 < timed.waited <= taken - 0.05
    else:
        assert timed.waited == 0


@pytest.mark.tensorflow_only
def test_xla_cannot_tell_the_time():
    log = ThroughputLog(BATCH)
    model = small_model(jit_compile=True)
    history = small_fit(model, SkipNonFinite(), log, epochs=1).history
    assert "input_wait" not in history


def test_mfu_is_the_share_of_the_peak():
    log = ThroughputLog(BATCH, ROWS, tokens=7, flops_per_token=30.0, peak_flops=1e6)
    small_fit(small_model(), log)
    expected = log.figures["tokens_per_second"] * 30.0 / 1e6
    assert log.figures["mfu"] == pytest.approx(expected)


@pytest.mark.parametrize(("devices", "size"), [(1, 1), (2, 1), (1, 2)])
def test_the_peak_of_several_devices_is_not_guessed(devices, size, monkeypatch):
    gpus = ["NVIDIA H100 80GB HBM3"] * devices
    monkeypatch.setattr(throughput_log, "device_names", lambda: gpus)
    monkeypatch.setattr(throughput_log.group, "size", lambda: size)
    log = ThroughputLog(BATCH, flops_per_token=30.0)
    log.set_model(small_model())
    log.model.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    log.on_train_begin()
    assert log._peak == (989.4e12 if (devices, size) == (1, 1) else None)


@pytest.mark.parametrize(
    ("name", "policy", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "mixed_bfloat16", 989.4e12),
        ("NVIDIA H100 PCIe", "mixed_float16", 756e12),
        ("NVIDIA A100-SXM4-40GB", "mixed_bfloat16", 312e12),
        ("NVIDIA L40S", "bfloat16", 362e12),
        ("Tesla V100-SXM2-16GB", "mixed_bfloat16", None),
        ("NVIDIA A100-SXM4-40GB", "float32", None),
        ("Another GPU", "mixed_bfloat16", None),
    ],
)
def test_peaks_of_known_devices(name, policy, peak):
    assert peak_flops(name, policy) == peak


def test_the_machine_is_known():
    assert isinstance(device_names(), list)
    assert peak_memory()["host"] > 2**20


@pytest.mark.skipif(BACKEND == "torch", reason="one step per execution on torch")
@pytest.mark.parametrize(
    ("taken", "last", "expected"),
    [(2, 8, [4, 6]), (4, 10, [4, 6, 10])],  # of six steps; the last ones may be fewer
)
def test_callbacks_count_steps_that_are_taken_at_once(taken, last, expected, tmp_path):
    model = small_model()
    model.steps_per_execution = taken
    speed, history = ThroughputLog(BATCH, ROWS), HistoryLog(tmp_path, every_steps=3)
    lost = SkipNonFinite()
    small_fit(model, lost, speed, history, StopAtStep(8), epochs=3)
    assert (speed.steps, history.steps, lost.steps) == (last, last, last)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [r["step"] for r in rows if r["kind"] == "step"] == expected


@pytest.mark.skipif(BACKEND == "torch", reason="one step per execution on torch")
def test_examples_are_counted_where_fewer_steps_end_an_epoch():
    log, model = ThroughputLog(BATCH, ROWS), small_model()
    model.steps_per_execution = 4
    small_fit(model, log)
    assert log._seen == ROWS


@pytest.mark.slow
def test_a_profile_is_written(tmp_path):
    profile = ProfileSteps(tmp_path, first=2, steps=2)
    small_fit(small_model(), profile, epochs=1)
    assert profile.files
    assert all(path.stat().st_size > 100 for path in profile.files)
    name = ".pt.trace.json" if BACKEND == "torch" else ".xplane.pb"
    assert any(path.name.endswith(name) for path in profile.files)


def test_a_profile_is_of_some_steps(tmp_path):
    with pytest.raises(InputError, match="steps=0"):
        ProfileSteps(tmp_path, steps=0)
    assert STEPS > 1
