"""Losses, schedules, optimizers, strategies, seeds: what `fit` is compiled with."""

import math

import keras
import numpy as np
import pytest
from support.small_fits import small_data, small_fit, small_model
from support.small_gpt2 import small_gpt2

from kzoo.errors import InputError
from kzoo.training import (
    BestPreset,
    SmoothedSparseCrossentropy,
    WarmupDecay,
    adamw,
    compile_classifier,
    muon,
    set_seed,
    strategy,
)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothed_loss_is_that_of_smoothed_one_hot_labels(smoothing):
    logits = np.random.default_rng(0).normal(size=(7, 3)).astype("float32") * 3
    labels = np.array([0, 2, 1, 1, 0, 2, 2])
    loss = SmoothedSparseCrossentropy(smoothing)(labels, logits)
    reference = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing
    )
    expected = reference(np.eye(3, dtype="float32")[labels], logits)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_loss_takes_sample_weights_and_survives_its_config():
    loss = SmoothedSparseCrossentropy(0.2)
    again = SmoothedSparseCrossentropy.from_config(loss.get_config())
    logits = np.array([[2.0, 0.0], [0.0, 1.0]], "float32")
    labels, weights = np.array([0, 0]), np.array([1.0, 0.0], "float32")
    alone = float(loss(labels[:1], logits[:1]))
    assert float(again(labels, logits, weights)) == pytest.approx(alone / 2)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_loss_refuses_a_smoothing_out_of_range(smoothing):
    with pytest.raises(InputError, match=f"label_smoothing={smoothing}"):
        SmoothedSparseCrossentropy(smoothing)


@pytest.mark.parametrize("decay", ["linear", "cosine", "constant"])
def test_schedule_rises_and_falls(decay):
    schedule = WarmupDecay(0.2, total_steps=50, warmup_steps=10, decay=decay, end=0.02)
    values = np.array([float(schedule(step)) for step in range(60)])
    np.testing.assert_allclose(values[:10], 0.2 * np.arange(1, 11) / 10, rtol=1e-5)
    progress = np.clip((np.arange(10, 60) - 10) / 40, 0, 1)
    factor = {
        "linear": 1 - progress,
        "cosine": (1 + np.cos(math.pi * progress)) / 2,
        "constant": np.ones(50),
    }[decay]
    np.testing.assert_allclose(values[10:], 0.02 + 0.18 * factor, rtol=1e-4)
    again = WarmupDecay.from_config(schedule.get_config())
    assert float(again(33)) == float(schedule(33))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total_steps": 0}, "total_steps=0"),
        ({"total_steps": 5, "warmup_steps": 5}, "warmup_steps=5, total_steps=5"),
        ({"total_steps": 5, "decay": "square"}, "decay='square'"),
    ],
)
def test_schedule_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        WarmupDecay(0.1, **arguments)


def test_weight_decay_keeps_off_biases_and_norms():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3), keras.layers.LayerNormalization()]
    )
    for variable in model.trainable_variables:
        variable.assign(np.full(variable.shape, 2.0))
    # Labels are ignored by this loss: what moves a weight is its decay alone.
    model.compile(
        optimizer=adamw(0.5, weight_decay=0.1),
        loss=lambda y_true, y_pred: 0.0 * keras.ops.sum(y_pred, axis=-1),
        jit_compile=False,
    )
    x, y = small_data()
    model.fit(x[:4], y[:4], batch_size=4, verbose=0)
    decayed = {
        variable.path.split("/", 1)[-1].rsplit("/", 1)[-1]: float(
            keras.ops.convert_to_numpy(variable).mean()
        )
        for variable in model.trainable_variables
    }
    assert decayed["kernel"] == pytest.approx(2.0 * (1 - 0.5 * 0.1), rel=1e-5)
    assert [decayed[name] for name in ("bias", "gamma", "beta")] == [2.0] * 3


def test_gradients_are_clipped_together():
    assert adamw(clip_norm=0.5).global_clipnorm == 0.5
    assert adamw(clip_norm=None).global_clipnorm is None


def orthogonal(matrix):
    """Return what five iterations of Newton and Schulz make of a matrix."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / np.linalg.norm(wide)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


@pytest.mark.parametrize("shape", [(5, 11), (11, 5), (7, 7)])
def test_muon_takes_orthogonal_steps(shape):
    rng = np.random.default_rng(3)
    start, *gradients = rng.normal(size=(3, *shape)).astype("float32")
    weight = keras.Variable(start, name="kernel")
    optimizer = muon(0.05, weight_decay=0.1, clip_norm=None)
    expected, mean = start.astype("float64"), np.zeros(shape)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        mean = 0.95 * mean + gradient
        step = orthogonal(gradient + 0.95 * mean) * 0.2 * max(shape) ** 0.5
        expected = expected * (1 - 0.05 * 0.1) - 0.05 * step
    found = keras.ops.convert_to_numpy(weight)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    singular = np.linalg.svd(orthogonal(gradients[0]), compute_uv=False)
    assert 0.6 < singular.min() <= singular.max() < 1.3


@pytest.mark.parametrize("tied", [True, False])
def test_muon_is_for_the_matrices_of_blocks(tied):
    model = small_gpt2(tie_embeddings=tied)
    optimizer = muon(weight_decay=0.1, not_decayed=("embeddings",))
    optimizer.build(model.trainable_variables)
    kinds = {
        variable.path.split("/", 1)[-1]: optimizer._should_use_adamw(variable)
        for variable in model.trainable_variables
    }
    by_muon = {path for path, by_adam in kinds.items() if not by_adam}
    layers = ("query_key_value", "output_projection", "inner", "outer")
    assert len(by_muon) == 2 * len(layers)
    assert all(path.startswith("block_") for path in by_muon)
    assert {path.split("/")[-2] for path in by_muon} == set(layers)
    assert ("output_projection/kernel" in kinds) != tied
    decayed = {
        variable.path.split("/", 1)[-1]
        for variable in model.trainable_variables
        if optimizer._use_weight_decay(variable)
    }
    assert decayed == by_muon | (set() if tied else {"output_projection/kernel"})


def test_compiled_classifier_counts_accuracy():
    model = small_model()
    compile_classifier(model, keras.optimizers.SGD(0.5), label_smoothing=0.05)
    history = small_fit(model, epochs=20).history
    assert history["accuracy"][-1] > 0.85
    assert history["loss"][-1] < history["loss"][0]
    assert model.loss.label_smoothing == 0.05


def test_the_same_seed_gives_the_same_weights_and_dropout():
    def start():
        set_seed(5)
        layers = [keras.Input((5,)), keras.layers.Dense(64), keras.layers.Dropout(0.5)]
        model = keras.Sequential(layers)
        dropped = model(small_data()[0], training=True)
        return model.get_weights()[0], keras.ops.convert_to_numpy(dropped)

    for first, second in zip(start(), start(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range(seed):
    with pytest.raises(InputError, match=f"seed={seed}"):
        set_seed(seed)


@pytest.mark.parametrize("name", ["auto", "none"])
def test_one_device_needs_no_strategy(name):
    chosen = strategy(name)
    assert chosen.num_replicas_in_sync == 1
    with chosen.scope():
        model = small_model()
    assert np.isfinite(small_fit(model, epochs=1).history["loss"]).all()


def test_an_unknown_strategy():
    with pytest.raises(InputError, match="strategy='many'.*auto, none, mirrored"):
        strategy("many")


def test_mirrored_is_tensorflows():
    if keras.backend.backend() == "tensorflow":
        mirrored = strategy("mirrored")
        with mirrored.scope():
            model = small_model()
        assert np.isfinite(small_fit(model, epochs=1).history["loss"]).all()
    else:
        with pytest.raises(InputError, match="KERAS_BACKEND=tensorflow, or"):
            strategy("mirrored")


@pytest.mark.parametrize("jit", [False, True])
def test_averaged_weights_are_validated_and_kept(jit):
    """`--ema`: what is validated and saved is the average, to the digit."""
    if jit and keras.backend.backend() == "torch":
        pytest.skip("on PyTorch it is torch.compile, which needs a C++ compiler")
    kept = {}
    model = small_model(adamw(0.05, use_ema=True, ema_momentum=0.9), jit_compile=jit)
    keeper = BestPreset(lambda: kept.update(weights=model.get_weights()), None)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    raw = _RawWeights()
    history = small_fit(model, raw, swap, keeper, epochs=3).history
    average = raw.average(0.9)
    for saved, expected in zip(kept["weights"], average, strict=True):
        np.testing.assert_allclose(saved, expected, rtol=1e-4, atol=1e-5)
    model.set_weights(kept["weights"])
    x, y = small_data(1)
    loss = model.evaluate(x, y, verbose=0)[0]
    assert loss == pytest.approx(history["val_loss"][-1], rel=1e-4)


class _RawWeights(keras.callbacks.Callback):
    """The weights after every step, as they are trained."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.steps.append(self.model.get_weights())

    def average(self, momentum):
        average = self.steps[0]
        for weights in self.steps[1:]:
            pairs = zip(average, weights, strict=True)
            average = [momentum * a + (1 - momentum) * w for a, w in pairs]
        return average
