"""A model so small that fitting it costs nothing, for what happens around `fit`."""

import keras
import numpy as np

from kzoo import layers, training

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


def mean_squares(strategy, **options):
    """Fit a plain Keras model: weighted rows, a sparse table, dropout, a regulariser.

    Args:
        strategy: Of `kzoo.training.strategy`.
        **options: Of `compile`.

    Returns:
        The model; and its history, with what it evaluates and predicts.
    """
    rng = np.random.default_rng(0)
    x = rng.integers(0, 11, (9, 3))
    y = rng.normal(size=(9, 2)).astype("float32")
    weights = rng.uniform(0, 3, 9).astype("float32")
    training.set_seed(2)
    with strategy.scope():
        inputs = keras.Input((3,), dtype="int32")
        z = keras.layers.Embedding(11, 5)(inputs)
        z = layers.Dropout(0.2)(keras.layers.Flatten()(z))
        outputs = keras.layers.Dense(2, kernel_regularizer="l2")(z)
        model = training.distributed(keras.Model(inputs, outputs))
        model.compile(
            keras.optimizers.Adam(0.01, epsilon=1e-3, global_clipnorm=0.1),
            loss=keras.losses.MeanSquaredError(),
            metrics=["mae"],
            **options,
        )
    kwargs = {"batch_size": 4, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, sample_weight=weights, epochs=3, **kwargs).history
    history["evaluated"] = model.evaluate(x, y, batch_size=4, verbose=0)
    history["predicted"] = model.predict(x, batch_size=4, verbose=0)
    return model, history
