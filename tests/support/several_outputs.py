"""A model of two outputs, trained alone or as a process of a group."""

import json
import pathlib
import sys

import keras
import numpy as np

from kzoo import training


def trained(strategy):
    """Train under a strategy, with a last batch that is smaller: one row.

    Returns:
        The history, with the loss of each output, and the weights.
    """
    training.set_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(25, 5)).astype("float32")
    y = {"size": x[:, :1], "kind": x[:, :3].argmax(axis=-1)}
    with strategy.scope():
        inputs = keras.Input((5,))
        hidden = keras.layers.Dense(7, activation="tanh")(inputs)
        outputs = {
            "size": keras.layers.Dense(1, name="size")(hidden),
            "kind": keras.layers.Dense(3, name="kind")(hidden),
        }
        model = training.distributed(keras.Model(inputs, outputs))
        model.compile(
            keras.optimizers.SGD(0.1),
            loss={
                "size": "mse",
                "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            },
            loss_weights={"size": 0.5, "kind": 2.0},
            metrics={"size": ["mae"], "kind": ["accuracy"]},
        )
    held_out = x[:11], {name: values[:11] for name, values in y.items()}
    options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, validation_data=held_out, **options).history
    return history, model.get_weights()


def assert_same(found, expected) -> None:
    """Compare what two trainings came to, to 1e-6 relative."""
    (history, weights), (other, others) = found, expected
    assert history.keys() == other.keys() >= {"size_loss", "val_kind_loss"}
    for name, values in other.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-6, err_msg=name)
    for one, two in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    strategy = training.strategy(sys.argv[1])
    found, values = trained(strategy)
    text = json.dumps([found, [value.tolist() for value in values]])
    pathlib.Path(sys.argv[2], f"{strategy.rank}.json").write_text(text)
