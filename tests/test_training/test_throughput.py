"""How fast a training was: step times, waiting for data, MFU, profiles."""

import json
import time

import keras
import pytest
from support.small_fits import BATCH, ROWS, STEPS, small_data, small_fit, small_model

from kzoo.errors import InputError
from kzoo.training import HistoryLog, ProfileSteps, StopAtStep, ThroughputLog
from kzoo.training.device_figures import device_names, peak_flops, peak_memory

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


@pytest.mark.skipif(BACKEND == "tensorflow", reason="not known on TensorFlow")
def test_waiting_for_data_is_counted():
    model = small_model()
    log = ThroughputLog(BATCH)
    model.fit(Slow(0.05), verbose=0, shuffle=False, callbacks=[log])
    assert log._wait.seconds >= 0.1  # the sleep of two batches at least


def test_mfu_is_the_share_of_the_peak():
    log = ThroughputLog(BATCH, ROWS, tokens=7, flops_per_token=30.0, peak_flops=1e6)
    small_fit(small_model(), log)
    expected = log.figures["tokens_per_second"] * 30.0 / 1e6
    assert log.figures["mfu"] == pytest.approx(expected)


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
def test_callbacks_count_steps_that_are_taken_at_once(tmp_path):
    model = small_model()
    model.steps_per_execution = 2
    speed, history = ThroughputLog(BATCH, ROWS), HistoryLog(tmp_path, every_steps=3)
    small_fit(model, speed, history, StopAtStep(8), epochs=3)
    assert (speed.steps, history.steps) == (8, 8)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [r["step"] for r in rows if r["kind"] == "step"] == [4, 6]


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
