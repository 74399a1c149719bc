"""One life of a training that is killed: what `crash.py` forks."""

import hashlib
import json
import os
import pathlib
import time

LENGTH, VOCABULARY, STEPS, EPOCHS, EVERY = 8, 23, 12, 3, 2


def live(folder: pathlib.Path, callback: str, pipe: int | None) -> None:
    """Train to the end, from where the life before got to, and write what came of it.

    Args:
        folder: Of the run.
        callback: `checkpoints` or `backup`, Keras's `BackupAndRestore`.
        pipe: Where to say that a save begins (`b`) and that it has ended (`e`).
    """
    import keras

    from kzoo.training import HistoryLog, set_seed

    set_seed(5)
    data, held_out = _batches(True), _batches(False)
    model = _model()
    history = HistoryLog(folder, every_steps=1)
    early = keras.callbacks.EarlyStopping("val_loss", patience=9)
    callbacks = [early, history]
    if callback == "backup":
        saves = keras.callbacks.BackupAndRestore(
            folder / "backup", save_freq=EVERY, double_checkpoint=True
        )
        _tell_of_backups(saves, pipe)
        callbacks.append(saves)
        model.optimizer.build(model.trainable_variables)
    else:
        from kzoo.training import Checkpoints

        saves = Checkpoints(
            folder / "checkpoints", data, callbacks, every_steps=EVERY, keep=2
        )
        saves.store.layer = _telling_layer(pipe)
        callbacks.append(saves)
    model.fit(
        data,
        epochs=EPOCHS,
        validation_data=held_out,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    found = {
        "weights": _digest(model.variables),
        "optimizer": _digest(model.optimizer.variables),
        "history": hashlib.sha256(_history(folder)).hexdigest(),
    }
    part = folder / "result.part"
    part.write_text(json.dumps(found))
    os.replace(part, folder / "result.json")


def _history(folder: pathlib.Path) -> bytes:
    files = ("history.csv", "history.jsonl")
    return b"".join((folder / name).read_bytes() for name in files)


def _batches(shuffle: bool):
    import numpy as np

    from kzoo.data import TokenStream, packed

    count = 900 if shuffle else 200
    ids = np.random.default_rng(int(shuffle)).integers(0, VOCABULARY, count)
    stream = TokenStream(ids.astype("uint16"), np.array([[0, count, count]]))
    steps = {"steps_per_epoch": STEPS} if shuffle else {}
    return packed(stream, LENGTH, batch_size=4, seed=1, shuffle=shuffle, **steps)


def _model():
    import keras

    from kzoo.training import adamw

    ids = keras.Input((LENGTH,), dtype="int32", name="token_ids")
    mask = keras.Input((LENGTH,), dtype="bool", name="padding_mask")
    x = keras.layers.Embedding(VOCABULARY, 8)(ids)
    for _ in range(2):
        x = keras.layers.Dropout(0.2)(keras.layers.Dense(8, activation="gelu")(x))
    model = keras.Model(
        {"token_ids": ids, "padding_mask": mask}, keras.layers.Dense(VOCABULARY)(x)
    )
    model.compile(
        optimizer=adamw(1e-2, gradient_accumulation_steps=2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def _tell(pipe: int | None, what: bytes) -> None:
    if pipe is not None:
        os.write(pipe, what)


def _telling_layer(pipe: int | None):
    from kzoo.training.checkpoints.file_layer import FileLayer

    class Telling(FileLayer):
        """Says when a save begins and ends; each call takes its time."""

        def make_folder(self, path):
            _tell(pipe, b"b")
            super().make_folder(path)

        def write(self, handle, data):
            _pause(pipe)
            return super().write(handle, data[: max(1, len(data) // 2)])

        def sync(self, handle):
            _pause(pipe)
            super().sync(handle)

        def rename(self, old, new):
            _pause(pipe)
            super().rename(old, new)
            _pause(pipe)

        def sync_folder(self, path):
            super().sync_folder(path)
            if path.name == "checkpoints":
                _tell(pipe, b"e")

    return Telling()


def _pause(pipe: int | None) -> None:
    if pipe is not None:
        time.sleep(0.002)  # as a slow disk: there is more to be hit


def _tell_of_backups(saves, pipe: int | None) -> None:
    inner = saves._save_model

    def save():
        _tell(pipe, b"b")
        _pause(pipe)
        inner()
        _pause(pipe)
        _tell(pipe, b"e")

    saves._save_model = save


def _digest(variables) -> str:
    import keras
    import numpy as np

    found = hashlib.sha256()
    for variable in variables:
        value = np.asarray(keras.ops.convert_to_numpy(variable))
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()
