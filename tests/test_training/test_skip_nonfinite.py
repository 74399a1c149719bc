"""Steps that are lost leave no trace and are counted; enough is enough."""

import keras
import numpy as np
import pytest
from keras import ops
from support.small_fits import small_model

from kzoo import training
from kzoo.errors import InputError
from kzoo.training import SkipNonFinite, gradient_norms

BACKEND = keras.backend.backend()
BATCH, STEPS = 4, 6
JITS = [False] if BACKEND == "torch" else [False, True]


def model_with_statistics(optimizer, jit_compile=False, **options):
    """Return a classifier that keeps moving statistics, in the global policy."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(7, activation="tanh")(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    outputs = keras.layers.Dense(3, dtype="float32")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
        **options,
    )
    return model


def data(bad=(), value=np.nan):
    """Return six batches of 4, with a value in the first row of bad ones."""
    x = np.random.default_rng(0).normal(size=(STEPS * BATCH, 5)).astype("float32")
    y = x[:, :3].argmax(axis=-1)
    for step in bad:
        x[step * BATCH] = value
    return x, y


def fit(model, x, y, *callbacks, **options):
    return model.fit(
        x,
        y,
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        **options,
    )


def state_of(model):
    variables = (*model.weights, *model.optimizer.variables)
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


OPTIMIZERS = {
    "clipped": lambda: keras.optimizers.AdamW(0.01, global_clipnorm=0.1),
    "averaged": lambda: keras.optimizers.AdamW(0.01, use_ema=True),
    "accumulated": lambda: keras.optimizers.AdamW(0.01, gradient_accumulation_steps=2),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.AdamW(0.01), initial_scale=8.0
    ),
}


@pytest.mark.parametrize("jit_compile", JITS)
@pytest.mark.parametrize(
    "name",
    [
        "accumulated",
        *(
            pytest.param(name, marks=pytest.mark.slow_on("jax", "tensorflow"))
            for name in ("clipped", "averaged", "scaled")
        ),
    ],
)
def test_a_lost_step_leaves_no_trace(name, jit_compile):
    x, y = data(bad=(2,))
    model = model_with_statistics(OPTIMIZERS[name](), jit_compile)
    history = fit(model, x, y, SkipNonFinite()).history
    kept = np.r_[0 : 2 * BATCH, 3 * BATCH : STEPS * BATCH]
    other = model_with_statistics(OPTIMIZERS[name](), jit_compile)
    expected = fit(other, x[kept], y[kept]).history
    assert history.pop("skipped_steps") == [1]
    assert history == {k: pytest.approx(v, rel=1e-6) for k, v in expected.items()}
    for one, two in zip(state_of(model), state_of(other), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("limit", [0.05, 1e6])
@pytest.mark.parametrize(
    ("options", "alone"),
    [({}, True), ({"loss_scale_factor": 64.0}, False), ({"use_ema": True}, True)],
)
def test_a_norm_that_is_known_clips_as_keras_does(limit, options, alone, monkeypatch):
    seen, plain = set(), keras.optimizers.Optimizer
    clips = plain._clip_gradients

    def watched(optimizer, gradients):
        seen.add(optimizer.global_clipnorm)
        return clips(optimizer, gradients)

    monkeypatch.setattr(plain, "_clip_gradients", watched)
    states, (x, y) = [], data()
    for callbacks in ([SkipNonFinite()], []):
        model = model_with_statistics(
            keras.optimizers.SGD(0.1, global_clipnorm=limit, **options)
        )
        model.layers[-1].bias.trainable = False
        fit(model, x, y, *callbacks)
        assert model.optimizer.global_clipnorm == limit
        states.append(state_of(model))
        if callbacks:
            assert seen == ({None} if alone else {limit})
    for one, two in zip(*states, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


@pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch's norm")
def test_gradients_whose_squares_overflow_are_finite():
    from kzoo.training import torch_norms

    for values, expected in (([3e30, 1.0], True), ([np.inf, 1.0], False)):
        gradients = [ops.convert_to_tensor(np.float32(v)) for v in values]
        norm = torch_norms.norm([*gradients, None])
        assert not norm.isfinite()
        assert bool(torch_norms.all_finite([*gradients, None], norm)) is expected


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_one_replica_loses_is_lost_for_all(name):
    """The row without numbers lies in the first replica's share."""
    strategy = training.strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2
    x, y = data(bad=(2,))
    kept = np.r_[0 : 2 * BATCH, 3 * BATCH : STEPS * BATCH]
    states, histories = [], []
    for rows, callbacks in ((slice(None), [SkipNonFinite()]), (kept, [])):
        with strategy.scope():
            model = training.distributed(model_with_statistics(OPTIMIZERS[name]()))
        histories.append(fit(model, x[rows], y[rows], *callbacks).history)
        states.append(state_of(model))
    assert histories[0].pop("skipped_steps") == [1]
    assert histories[0] == {k: pytest.approx(v) for k, v in histories[1].items()}
    for one, two in zip(*states, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)


@pytest.mark.skipif(BACKEND == "torch", reason="one step per execution on torch")
def test_steps_per_execution_lose_single_steps():
    x, y = data(bad=(1, 4))
    model = model_with_statistics(OPTIMIZERS["clipped"](), steps_per_execution=3)
    history = fit(model, x, y, SkipNonFinite()).history
    assert history["skipped_steps"] == [2]
    assert np.isfinite(history["loss"]).all()
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 4


def test_an_overflow_that_loss_scaling_mends_is_no_lost_step():
    keras.config.set_dtype_policy("mixed_float16")
    model = model_with_statistics(keras.optimizers.SGD(0.01))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.dynamic_scale.assign(2.0**60)
    callback = SkipNonFinite(in_a_row=1)
    history = fit(model, *data(), callback, epochs=3).history
    assert history["skipped_steps"] == [0, 0, 0]
    assert float(ops.convert_to_numpy(model.optimizer.dynamic_scale)) < 2.0**60


def test_an_infinite_loss_of_finite_gradients_is_lost():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(1e-20), loss="mse")
    before = state_of(model)[0]
    x, _ = data()
    y = np.zeros((len(x), 1), "float32")
    y[0] = 1e25  # its square is infinite, its gradient is not
    history = fit(model, x, y, SkipNonFinite()).history
    assert history["skipped_steps"] == [1]
    assert np.isfinite(history["loss"]).all()
    assert np.abs(state_of(model)[0] - before).max() < 1e-6


@pytest.mark.parametrize(("limit", "lost"), [(1.0, 1), (None, 0)])
def test_gradients_that_no_norm_can_clip_are_lost(limit, lost):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
    optimizer = keras.optimizers.SGD(1e-25, global_clipnorm=limit)
    model.compile(optimizer, loss=lambda labels, outputs: ops.mean(outputs))
    x, y = data(bad=(2,), value=1e25)  # whose square is infinite
    assert fit(model, x, y, SkipNonFinite()).history["skipped_steps"] == [lost]
    assert np.isfinite(state_of(model)[0]).all()


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_model_without_weights_to_train_has_no_norm():
    model = model_with_statistics(OPTIMIZERS["clipped"]())
    model.trainable = False
    assert fit(model, *data(), SkipNonFinite()).history["skipped_steps"] == [0]


class OwnWay(keras.optimizers.SGD):
    """An optimizer that does something to gradients before they are clipped."""

    def apply(self, grads, trainable_variables=None):
        return super().apply([g - ops.mean(g) for g in grads], trainable_variables)


@pytest.mark.parametrize(
    ("made", "options", "limit"),
    [
        (keras.optimizers.SGD, {}, 1.0),
        (keras.optimizers.Muon, {}, 1.0),
        (keras.optimizers.SGD, {"global_clipnorm": None}, None),
        (keras.optimizers.SGD, {"global_clipnorm": -1.0}, None),
        (keras.optimizers.SGD, {"gradient_accumulation_steps": 2}, None),
        (keras.optimizers.SGD, {"loss_scale_factor": 2.0}, None),
        (OwnWay, {}, None),
    ],
)
def test_a_norm_is_known_where_nothing_comes_before_it(made, options, limit):
    optimizer = made(learning_rate=0.1, **{"global_clipnorm": 1.0, **options})
    assert gradient_norms.clip_limit(optimizer) == limit


def test_no_norm_is_known_of_what_is_scaled_or_assigned():
    optimizer = keras.optimizers.SGD(0.1, global_clipnorm=1.0)
    variable = keras.Variable(np.ones(2, "float32"))
    optimizer.build([variable])
    assert gradient_norms.clip_limit(optimizer) == 1.0
    assert gradient_norms.clip_limit(OPTIMIZERS["scaled"]()) is None
    variable.overwrite_with_gradient = True
    assert gradient_norms.clip_limit(optimizer) is None


@pytest.mark.skipif(BACKEND != "jax", reason="of the function that JAX's steps call")
@pytest.mark.filterwarnings("ignore:.*Gradients do not exist:UserWarning")
def test_a_step_may_leave_a_gradient_out():
    class LeavesOut(keras.Model):
        def train_step(self, state, data):
            optimizer = self.optimizer

            def apply(slots, gradients, variables):
                return given(slots, [*gradients[:-1], None], variables)

            given, optimizer.stateless_apply = optimizer.stateless_apply, apply
            try:
                return super().train_step(state, data)
            finally:
                optimizer.stateless_apply = given

    inputs = keras.Input((5,))
    model = LeavesOut(inputs, keras.layers.Dense(3)(inputs))
    model.compile(OPTIMIZERS["clipped"](), loss="mse")
    kernel, bias = state_of(model)[:2]
    x, _ = data()
    assert fit(model, x, x[:, :3], SkipNonFinite()).history["skipped_steps"] == [0]
    after = state_of(model)
    assert np.abs(after[0] - kernel).max() > 0
    np.testing.assert_array_equal(after[1], bias)


def test_a_row_of_lost_steps_ends_the_training():
    model = model_with_statistics(keras.optimizers.SGD(0.01))
    x, y = data(bad=(0, 1, 3, 4, 5))
    with pytest.raises(FloatingPointError, match="3 steps in a row .* step 6 of epoch"):
        fit(model, x, y, SkipNonFinite(in_a_row=3))
    for value in state_of(model):
        assert np.isfinite(value).all()


def test_a_row_goes_on_from_epoch_to_epoch():
    model = small_model()
    x, y = data(bad=(0, STEPS - 1))
    callback = SkipNonFinite(in_a_row=2)
    with pytest.raises(FloatingPointError, match="step 1 of epoch 2"):
        fit(model, x, y, callback, epochs=2)
    assert callback.skipped == 3


def test_a_second_fit_and_a_second_compile_are_guarded_too():
    x, y = data(bad=(2,))
    model = model_with_statistics(keras.optimizers.SGD(0.01))
    for optimizer in (None, None, keras.optimizers.Adam(0.01)):
        if optimizer:
            model.compile(optimizer, loss=model.loss)
        assert fit(model, x, y, SkipNonFinite()).history["skipped_steps"] == [1]
    assert sum(m.name == "skipped_steps" for m in model.metrics) == 1


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a loop of torch's own")
def test_a_loop_behind_a_lost_step_trains():
    """What a step noted is not asked again where no guarded step is taken."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = np.full((4, 3), np.inf, "float32"), np.zeros((4, 1), "float32")
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[SkipNonFinite(in_a_row=3)])
    before = model.get_weights()
    loss = ops.mean(model(np.ones((4, 3), "float32")) ** 2)
    model.zero_grad()
    model.optimizer.scale_loss(loss).backward()
    trained = model.trainable_weights
    model.optimizer.apply([v.value.grad for v in trained], trained)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_guarded_model_is_saved_as_any_other(tmp_path):
    x, y = data(bad=(2,))
    model = model_with_statistics(keras.optimizers.Adam(0.01))
    fit(model, x, y, SkipNonFinite())
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for one, two in zip(state_of(model), state_of(loaded), strict=True):
        np.testing.assert_array_equal(one, two)


class Batches:
    """Data with a position, as kzoo.data gives it."""

    class order:
        epoch = 0

    def __init__(self, x, y):
        self.batches, self.x, self.y = self, x, y

    def batch(self, epoch, step):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        return {"vectors": self.x[rows]}, self.y[rows]


def test_the_lost_batch_is_written(tmp_path):
    x, y = data(bad=(3,))
    callback = SkipNonFinite(1, folder=tmp_path / "run", data=Batches(x, y))
    path = tmp_path / "run" / "nonfinite-epoch-1-step-4.npz"
    with pytest.raises(FloatingPointError, match=f"Its batch is in {path}: python"):
        fit(small_model(), x, y, callback)
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["batch.0.vectors"], x[12:16])
        np.testing.assert_array_equal(arrays["batch.1"], y[12:16])


def test_none_in_a_row_is_refused():
    with pytest.raises(InputError, match="in_a_row=0"):
        SkipNonFinite(0)


def test_a_model_that_hides_its_metrics_is_refused():
    class Hiding(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

        @property
        def metrics(self):
            return []

    model = Hiding()
    model.compile("sgd", loss="mse")
    with pytest.raises(InputError, match="Hiding, whose `metrics` leaves out"):
        SkipNonFinite().set_model(model)
