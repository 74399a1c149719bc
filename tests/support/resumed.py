"""Trainings that are cut off and gone on with, and what they come to."""

import gc
import hashlib

import keras
import numpy as np

from kzoo.data import TokenStream, packed
from kzoo.training import (
    AverageWeights,
    BestPreset,
    Checkpoints,
    HistoryLog,
    StopAtStep,
    adamw,
    set_seed,
)

VOCABULARY, LENGTH, STEPS, EPOCHS = 23, 7, 5, 3


class Cut(Exception):
    """The training is cut off."""


class CutOff(keras.callbacks.Callback):
    """Cut a training off after so many steps, or in the validation after them."""

    def __init__(self, step, validating=False):
        super().__init__()
        self.step, self.validating, self.steps = step, validating, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step and not self.validating:
            raise Cut

    def on_test_batch_end(self, batch, logs=None):
        if self.validating and self.steps >= self.step:
            raise Cut


def tokens(count, seed=0):
    """Return a stream of random tokens."""
    ids = np.random.default_rng(seed).integers(0, VOCABULARY, count)
    return TokenStream(ids.astype("uint16"), np.array([[0, count, count]]))


def batches(shuffle=True, **options):
    """Return batches of random tokens, by five to an epoch where they are shuffled."""
    if shuffle:
        options = {"steps_per_epoch": STEPS, "seed": 3, **options}
    return packed(
        tokens(300 if shuffle else 60, int(shuffle)),
        LENGTH,
        batch_size=3,
        shuffle=shuffle,
        **options,
    )


def model(optimizer=None, **compiling):
    """Return a small model of tokens with dropout, compiled."""
    ids = keras.Input((LENGTH,), dtype="int32", name="token_ids")
    mask = keras.Input((LENGTH,), dtype="bool", name="padding_mask")
    x = keras.layers.Embedding(VOCABULARY, 4)(ids)
    x = keras.layers.Dropout(0.3)(x)
    made = keras.Model(
        {"token_ids": ids, "padding_mask": mask}, keras.layers.Dense(VOCABULARY)(x)
    )
    made.compile(
        optimizer=optimizer or adamw(1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=keras.backend.backend() == "jax",
        **compiling,
    )
    return made


def train(folder, cut=None, *, every=2, stop=100, data=None, compiling=None, **slots):
    """Train, from the newest checkpoint on; return what it came to, or None if cut."""
    # What a cut left behind: collected while TensorFlow traces, it may wait for itself.
    gc.collect()
    set_seed(3)
    trained = model(adamw(1e-2, **slots), **(compiling or {}))
    data = batches() if data is None else data
    keeper, history = BestPreset(lambda: None, "val_loss"), HistoryLog(folder, 1)
    average = AverageWeights(2, every_steps=3)
    early = keras.callbacks.EarlyStopping(
        "val_loss", patience=2, restore_best_weights=True
    )
    parts = [StopAtStep(stop), average, keeper, history, early]
    if slots.get("use_ema"):
        parts.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    saves = Checkpoints(folder / "checkpoints", data, parts, every_steps=every)
    try:
        trained.fit(
            data,
            epochs=EPOCHS,
            validation_data=batches(shuffle=False),
            callbacks=[*parts, saves, *([CutOff(*cut)] if cut else [])],
            shuffle=False,
            verbose=0,
        )
    except Cut:
        saves.close()
        return None
    return {
        "weights": digest([*trained.variables, *trained.optimizer.variables]),
        "average": digest(average._mean()),
        "history": [(folder / name).read_bytes() for name in
                    ("history.csv", "history.jsonl")],
        "keras_history": (trained.history.epoch, trained.history.history),
        "best": keeper.state_dict(),
        "wait": (early.wait, early.best, early.stopped_epoch),
        "step": saves.step,
    }  # fmt: skip


def digest(arrays):
    """Return the sha256 of the bytes of some variables or arrays."""
    found = hashlib.sha256()
    for array in arrays:
        value = np.asarray(keras.ops.convert_to_numpy(array))
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()
