"""Compiling a language model: the loss, the metrics, accumulation, blocks again."""

import keras
import numpy as np
import pytest
from support.language_models import TinyLM, log_softmax, random_stream

from kzoo.data import packed
from kzoo.errors import InputError
from kzoo.training import (
    TokenCrossentropy,
    TokenPerplexity,
    WarmupDecay,
    adamw,
    compile_language_model,
    rematerialised,
)
from kzoo.training.learning_rate import learning_rate_of


def some_batch(rows=3, length=7, vocabulary=9):
    draw = np.random.default_rng(3)
    ids = draw.integers(0, vocabulary, (rows, length + 1)).astype("int32")
    weights = (draw.random((rows, length)) < 0.6).astype("float32")
    inputs = {"token_ids": ids[:, :-1], "padding_mask": np.ones((rows, length), bool)}
    return inputs, ids[:, 1:], weights


@pytest.mark.slow_on("jax")
def test_loss_and_metrics_are_those_of_the_tokens_that_count():
    model = TinyLM()
    compile_language_model(model, metrics=("accuracy", "perplexity"), jit_compile=False)
    inputs, labels, weights = some_batch()
    logits = keras.ops.convert_to_numpy(model(inputs))
    found = model.test_on_batch(inputs, labels, sample_weight=weights, return_dict=True)
    log_p = np.take_along_axis(log_softmax(logits), labels[..., None], -1)[..., 0]
    loss = -(log_p * weights).sum() / weights.sum()
    hits = ((logits.argmax(-1) == labels) * weights).sum() / weights.sum()
    assert float(found["loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(found["accuracy"]) == pytest.approx(hits, rel=1e-5)
    assert float(found["perplexity"]) == pytest.approx(np.exp(loss), rel=1e-5)


@pytest.mark.parametrize("shape", [(6,), (3, 7), (2, 3, 4)])
def test_the_loss_is_that_of_keras(shape):
    draw = np.random.default_rng(4)
    labels = draw.integers(0, 9, shape).astype("int32")
    logits = draw.normal(size=(*shape, 9)).astype("float32")
    weights = draw.random(shape).astype("float32")
    for reduction in (None, "mean_with_sample_weight"):
        ours = TokenCrossentropy(reduction=reduction)
        theirs = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=reduction
        )
        found, expected = (
            keras.ops.convert_to_numpy(loss(labels, logits, weights))
            for loss in (ours, theirs)
        )
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    again = keras.losses.deserialize(keras.losses.serialize(ours))
    assert isinstance(again, TokenCrossentropy)
    assert again.get_config() == ours.get_config()


def test_labels_have_the_shape_of_rows_of_logits():
    with pytest.raises(InputError, match="axis=1"):
        TokenCrossentropy(axis=1)
    with pytest.raises(Exception, match="shape"):
        TokenCrossentropy()(np.zeros((3, 2), "int32"), np.zeros((2, 3, 5), "float32"))


def test_perplexity_is_over_tokens_and_not_over_batches():
    metric = TokenPerplexity()
    total = tokens = 0
    for rows in (1, 5):
        _, labels, weights = some_batch(rows)
        logits = np.random.default_rng(rows).normal(size=(rows, 7, 9)).astype("float32")
        metric.update_state(labels, logits * 3, weights)
        log_p = np.take_along_axis(log_softmax(logits * 3), labels[..., None], -1)
        total -= (log_p[..., 0] * weights).sum()
        tokens += weights.sum()
    assert float(metric.result()) == pytest.approx(np.exp(total / tokens), rel=1e-5)
    assert TokenPerplexity.from_config(metric.get_config()).name == "perplexity"


def built_model(seed=3, **sizes):
    keras.utils.set_random_seed(seed)
    model = TinyLM(**sizes)
    model({"token_ids": np.zeros((1, 7), "int32")})
    return model


@pytest.mark.slow_on("jax")
def test_accumulated_gradients_are_those_of_one_batch():
    stream = random_stream(200)
    ends = []
    for parts in (1, 2):
        data = packed(stream, 7, batch_size=6 // parts, seed=1)
        model = built_model()
        optimizer = keras.optimizers.SGD(
            0.5,
            gradient_accumulation_steps=parts if parts > 1 else None,
        )
        compile_language_model(model, optimizer, jit_compile=False)
        model.fit(data, epochs=1, steps_per_epoch=4 * parts, verbose=0, shuffle=False)
        assert int(optimizer.iterations) == 4
        ends.append(model.get_weights())
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, atol=2e-6)


@pytest.mark.backend_free
def test_schedules_count_batches_under_accumulation():
    schedule = WarmupDecay(0.1, total_steps=40, warmup_steps=8, end=0.01)
    optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=4)
    weight = keras.Variable([0.0])
    steps = []
    for step in range(12):
        before = float(weight.numpy()[0])
        optimizer.apply([keras.ops.ones(1)], [weight])
        steps.append(before - float(weight.numpy()[0]))
        assert steps[-1] == pytest.approx(
            learning_rate_of(optimizer, step) if step % 4 == 3 else 0, rel=1e-4
        )
    assert learning_rate_of(adamw(schedule), 999) == pytest.approx(0.01)


def test_what_weight_decay_touches():
    model = TinyLM()
    model({"token_ids": np.zeros((1, 7), "int32")})
    optimizer = adamw(1.0, weight_decay=0.5, not_decayed=("embeddings",))
    optimizer.build(model.trainable_variables)
    decayed = {v.path.split("/", 1)[-1] for v in model.trainable_variables
               if optimizer._use_weight_decay(v)}  # fmt: skip
    assert decayed
    assert all(path.endswith("kernel") for path in decayed)
    every = adamw(1.0, weight_decay=0.5)
    every.build(model.trainable_variables)
    kept = [v for v in model.trainable_variables if every._use_weight_decay(v)]
    assert {len(v.shape) for v in kept} == {2}
    assert len(kept) == 4


class Block(keras.layers.Layer):
    """A block with a mask, dropout and a second way in."""

    def __init__(self, dropout):
        super().__init__()
        self.inner = keras.layers.Dense(11, "tanh")
        self.dropout = keras.layers.Dropout(dropout)
        self.back = keras.layers.Dense(5)

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.back.build((*input_shape[:-1], 11))

    def call(self, x, padding_mask=None, training=None):
        y = self.dropout(self.inner(x), training=training)
        if padding_mask is not None:
            y = y * keras.ops.cast(padding_mask, y.dtype)[..., None]
        return x + self.back(y)


class Stack(keras.Model):
    """Two blocks between a table and its transpose."""

    def __init__(self, dropout):
        super().__init__()
        self.token = keras.layers.Embedding(9, 5)
        self.token.build((None, 7))
        self.blocks = [Block(dropout), Block(dropout)]
        for block in self.blocks:
            block.build((None, 7, 5))

    def call(self, inputs, training=None):
        x = self.token(inputs["token_ids"])
        for block in self.blocks:
            x = block(x, padding_mask=inputs["padding_mask"], training=training)
        return x @ keras.ops.transpose(self.token.embeddings)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_blocks_computed_again_give_the_same_training(jit, dropout):
    if jit and keras.backend.backend() == "torch":
        pytest.skip("torch compiles too slowly for this")
    ends, losses = [], []
    for again in (False, True):
        keras.utils.set_random_seed(3)
        model = Stack(dropout)
        start = model.get_weights()
        if again:
            rematerialised(model, model.blocks)
        compile_language_model(model, keras.optimizers.SGD(0.5), jit_compile=jit)
        data = packed(random_stream(100), 7, batch_size=4, seed=1)
        history = model.fit(data, epochs=2, verbose=0, shuffle=False)
        losses.append(history.history["loss"])
        ends.append(model.get_weights())
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for before, one, two in zip(start, *ends, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
        assert np.abs(one - before).max() > 1e-4 or before.dtype.kind != "f"


@pytest.mark.backend_free
def test_what_is_refused():
    model = TinyLM()
    with pytest.raises(InputError, match="metric.*'bleu'.*accuracy, perplexity"):
        compile_language_model(model, metrics=("bleu",))
    with pytest.raises(InputError, match="layers of the model.*blocks=..dense"):
        rematerialised(model, [keras.layers.Dense(3, name="dense")])
    with pytest.raises(InputError, match=r"blocks=\[\]"):
        rematerialised(model, [])
