"""Curves for TensorBoard without TensorFlow."""

import subprocess
import sys

import keras
import pytest
from support.small_fits import STEPS, small_fit, small_model

from kzoo.errors import InputError
from kzoo.training import TensorBoardLog


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        name: [(e.step, e.tensor_proto.float_val[0]) for e in events.Tensors(name)]
        for name in events.Tags()["tensors"]
    }


def test_curves_are_the_history(tmp_path):
    result = small_fit(small_model(), TensorBoardLog(tmp_path, every_steps=5))
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    losses = [value for _, value in train["epoch_loss"]]
    assert losses == pytest.approx(result.history["loss"])
    losses = [value for _, value in validation["epoch_loss"]]
    assert losses == pytest.approx(result.history["val_loss"])
    assert [step for step, _ in validation["epoch_accuracy"]] == [1, 2]
    assert [step for step, _ in train["batch_loss"]] == [5, 10]
    assert train["batch_learning_rate"][0][1] == pytest.approx(0.1)
    assert 2 * STEPS == 12


def test_a_training_taken_up_again_has_each_point_once(tmp_path):
    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if log.steps == STEPS + 2:
                self.state = log.state_dict()
                self.seen = read(tmp_path / "train")["batch_loss"][-1][0]

    log, keep = TensorBoardLog(tmp_path, every_steps=1), Keep()
    small_fit(small_model(), log, keep)
    assert keep.seen == STEPS + 2  # a checkpoint's points are in the file
    whole = read(tmp_path / "train")
    (file,) = (tmp_path / "train").iterdir()
    with open(file, "ab") as torn:
        torn.write(b"\x18\0\0")
    again = TensorBoardLog(tmp_path, every_steps=1)
    again.load_state_dict(keep.state)
    assert read(tmp_path / "train")["batch_loss"] == whole["batch_loss"][: STEPS + 2]
    again.set_model(keep.model)
    for step in range(STEPS + 2, 2 * STEPS):
        again.on_train_batch_end(step, {"loss": whole["batch_loss"][step][1]})
    again.on_epoch_end(1, {"loss": 0.5, "val_loss": 0.25})
    again.close()
    assert read(tmp_path / "train")["batch_loss"] == whole["batch_loss"]
    assert [step for step, _ in read(tmp_path / "train")["epoch_loss"]] == [1, 2]
    assert read(tmp_path / "validation")["epoch_loss"][1] == (2, 0.25)


def test_tensorboard_missing_is_an_input_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(InputError, match=r"pip install \"kzoo\[logging\]\""):
        TensorBoardLog(tmp_path)


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="TensorFlow is the backend"
)
def test_it_does_not_load_tensorflow(tmp_path):
    code = (
        "import sys, kzoo.training; "
        f"log = kzoo.training.TensorBoardLog({str(tmp_path)!r}); "
        "log.on_epoch_end(0, {'loss': 1.0}); log.close(); "
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
    assert [value for _, value in read(tmp_path / "train")["epoch_loss"]] == [1.0]
