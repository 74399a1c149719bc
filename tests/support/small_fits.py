"""A model so small that fitting it costs nothing, for what happens around `fit`."""

import keras
import numpy as np

ROWS, BATCH = 22, 4  # six steps, the last one smaller
STEPS = -(-ROWS // BATCH)


def small_model(optimizer=None, jit_compile=False):
    """Return a compiled classifier of vectors of 5 into 3 classes."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.compile(
        optimizer=optimizer or keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def small_data(seed=0, rows=ROWS):
    """Return vectors and labels that a line tells apart."""
    x = np.random.default_rng(seed).normal(size=(rows, 5)).astype("float32")
    return x, x[:, :3].argmax(axis=-1)


def small_fit(model, *callbacks, epochs=2, validate=True, **kwargs):
    """Fit it quietly and return its `History`."""
    x, y = small_data()
    return model.fit(
        x,
        y,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=small_data(1) if validate else None,
        callbacks=list(callbacks),
        verbose=0,
        **kwargs,
    )
