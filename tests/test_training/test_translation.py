"""What a translator trains with: loss, schedule, averages, BLEU while it trains."""

import math

import keras
import numpy as np
import pytest
import torch
from keras import ops
from support.small_fits import STEPS, small_fit, small_model

from kzoo.errors import InputError
from kzoo.training import (
    AverageWeights,
    BestPreset,
    SmoothedSparseCrossentropy,
    TokenPerplexity,
    TranslationScores,
    WarmupDecay,
    compile_translator,
    score_translations,
)
from kzoo.training.losses import token_crossentropy
from kzoo.training.translation_quality import bleu_tokenizer

B, T, V = 3, 5, 11
GERMAN = ["Ein Hund läuft schnell.", "Die Katze schläft heute nicht."]
ENGLISH = ["A dog is running fast.", "The cat does not sleep today."]


def token_data(seed=0):
    """Return labels, logits and weights of 3 texts of up to 5 tokens out of 11."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(B, T, V)).astype("float32") * 3
    labels = rng.integers(0, V, size=(B, T)).astype("int32")
    weights = np.ones((B, T), "float32")
    weights[0, 2:] = weights[2, 4:] = 0.0
    return labels, logits, weights


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_loss_of_tokens_is_that_of_torch(smoothing):
    labels, logits, _ = token_data()
    loss = SmoothedSparseCrossentropy(smoothing, reduction=None)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(logits).permute(0, 2, 1),
        torch.tensor(labels).long(),
        label_smoothing=smoothing,
        reduction="none",
    )
    found = ops.convert_to_numpy(loss(labels, logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_mean_over_real_tokens_is_that_of_torch_which_ignores_padding():
    labels, logits, weights = token_data()
    loss = SmoothedSparseCrossentropy(0.1, reduction="mean_with_sample_weight")
    padded = np.where(weights > 0, labels, -100)
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(logits).reshape(-1, V),
        torch.tensor(padded).long().reshape(-1),
        label_smoothing=0.1,
        ignore_index=-100,
    )
    assert float(loss(labels, logits, weights)) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_loss_is_that_of_fairseq_for_its_own_share():
    # It gives each class share / (V - 1) of what remains beside the label's
    # 1 - share, and so is ours of another share.
    labels, logits, _ = token_data()
    share = 0.1
    log_p = torch.log_softmax(torch.tensor(logits), dim=-1)
    nll = -log_p.gather(-1, torch.tensor(labels).long()[..., None])[..., 0]
    rest = -log_p.sum(dim=-1)
    epsilon = share / (V - 1)
    expected = (1.0 - share - epsilon) * nll + epsilon * rest
    loss = SmoothedSparseCrossentropy(share * V / (V - 1), reduction=None)
    found = ops.convert_to_numpy(loss(labels, logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(), (T,), (B, T)])
def test_leading_axes_and_a_last_axis_of_one(shape):
    labels, logits, _ = token_data()
    rows = math.prod(shape)
    labels = labels.reshape(-1)[:rows].reshape(shape)
    logits = logits.reshape(-1, V)[:rows].reshape(*shape, V)
    loss = SmoothedSparseCrossentropy(0.2, reduction=None)
    found = ops.convert_to_numpy(loss.call(labels, logits))
    again = ops.convert_to_numpy(loss.call(labels[..., None], logits))
    assert found.shape == shape
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_loss_of_extreme_logits_is_finite_and_exact(scale):
    labels, logits, _ = token_data()
    loss = SmoothedSparseCrossentropy(0.1, reduction=None)
    found = ops.convert_to_numpy(loss(labels, logits * scale))
    wide = logits.astype("float64") * scale
    top = wide.max(axis=-1, keepdims=True)
    log_p = wide - top - np.log(np.exp(wide - top).sum(axis=-1, keepdims=True))
    chosen = np.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
    expected = -0.9 * chosen - 0.1 * log_p.mean(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-5)


def test_token_crossentropy_is_keras_own():
    labels, logits, _ = token_data()
    expected = keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(token_crossentropy(labels, logits)),
        ops.convert_to_numpy(expected),
        rtol=1e-5,
        atol=1e-5,
    )


def test_perplexity_of_weighted_tokens():
    labels, logits, weights = token_data()
    metric = TokenPerplexity()
    metric.update_state(labels, logits, weights)
    losses = ops.convert_to_numpy(token_crossentropy(labels, logits))
    expected = math.exp((losses * weights).sum() / weights.sum())
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def token_model():
    """Return a model of ids (B, T) to logits (B, T, V)."""
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(V, 7),
            keras.layers.Dense(V),
        ]
    )


@pytest.mark.slow_on("tensorflow")
def test_padding_has_no_part_in_loss_metrics_and_gradients():
    labels, _, weights = token_data()
    ids = np.random.default_rng(5).integers(0, V, size=(B, T))
    changed = np.where(weights > 0, labels, (labels + 4) % V)
    trained, seen = [], []
    for truth in (labels, changed):
        keras.utils.clear_session()
        model = token_model()
        weight = np.random.default_rng(7)
        for variable in model.trainable_variables:
            variable.assign(weight.normal(size=variable.shape))
        compile_translator(
            model,
            keras.optimizers.SGD(0.3),
            metrics=("accuracy", "perplexity"),
            jit_compile=False,
        )
        logs = model.evaluate(ids, truth, sample_weight=weights, verbose=0)
        model.fit(ids, truth, sample_weight=weights, batch_size=B, verbose=0)
        seen.append(logs)
        trained.append(model.get_weights())
    assert seen[0] == pytest.approx(seen[1], rel=1e-6)
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    loss, accuracy, perplexity = seen[0]
    assert 0 <= accuracy <= 1
    assert perplexity > 1
    assert loss > 0


def test_unknown_metric_of_a_translator():
    with pytest.raises(InputError, match="metric of a translator='bleu'"):
        compile_translator(token_model(), metrics=("bleu",))


def test_inverse_root_is_that_of_the_paper():
    width, warmup = 512, 40
    peak = (width * warmup) ** -0.5
    schedule = WarmupDecay(
        peak, total_steps=100, warmup_steps=warmup, decay="inverse-sqrt"
    )
    numbers = np.arange(1, 301)
    expected = width**-0.5 * np.minimum(numbers**-0.5, numbers * warmup**-1.5)
    found = np.array([float(schedule(step)) for step in range(300)])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("every_steps", [None, 4])
def test_average_is_the_mean_of_the_last_weights(every_steps):
    model = small_model()
    seen = []

    class Record(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if every_steps and self.steps % every_steps == 0:
                seen.append([np.array(w) for w in self.model.get_weights()])

        def on_epoch_end(self, epoch, logs=None):
            if not every_steps:
                seen.append([np.array(w) for w in self.model.get_weights()])

    average = AverageWeights(3, every_steps)
    small_fit(model, Record(), average, epochs=5)
    assert len(seen) == (5 if every_steps is None else 5 * STEPS // every_steps)
    assert average.count == 3
    own = [np.array(w) for w in model.get_weights()]
    expected = [np.mean(values, axis=0) for values in zip(*seen[-3:], strict=True)]
    with average.applied():
        for value, right in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-7)
        assert any((a != b).any() for a, b in zip(own, expected, strict=True))
    for value, right in zip(model.get_weights(), own, strict=True):
        np.testing.assert_array_equal(value, right)


def test_average_of_nothing():
    with (
        pytest.raises(InputError, match="no epoch that ended"),
        AverageWeights().applied(),
    ):
        pass
    with pytest.raises(InputError, match="last=0, every_steps=None"):
        AverageWeights(0)
    with pytest.raises(InputError, match="every_steps=-2"):
        AverageWeights(2, -2)


def test_a_mean_is_of_one_training():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    average = AverageWeights(5)
    model.fit(x, y, epochs=3, callbacks=[average], verbose=0)
    assert average.count == 3
    model.fit(x, y, epochs=2, callbacks=[average], verbose=0)
    assert (average.count, average.steps) == (2, 2)


@pytest.mark.backend_free
def test_scores_are_sacrebleus():
    import sacrebleu

    guesses = ["A dog is running Fast.", "The cat does not sleep."]
    found = score_translations(guesses, ENGLISH, ter=True)
    bleu = sacrebleu.corpus_bleu(guesses, [ENGLISH])
    assert found["bleu"] == bleu.score
    assert found["brevity_penalty"] == bleu.bp
    lower = sacrebleu.corpus_bleu(
        [x.lower() for x in guesses], [[x.lower() for x in ENGLISH]]
    )
    assert found["bleu_lowercase"] == pytest.approx(lower.score)
    assert found["bleu_lowercase"] > found["bleu"]
    assert found["chrf"] == sacrebleu.corpus_chrf(guesses, [ENGLISH]).score
    assert found["ter"] == sacrebleu.corpus_ter(guesses, [ENGLISH]).score
    version = f"version:{sacrebleu.__version__}"
    assert found["signatures"]["bleu"] == (
        f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|{version}"
    )
    assert "case:lc" in found["signatures"]["bleu_lowercase"]
    assert found["signatures"]["chrf"].endswith(version)


@pytest.mark.backend_free
def test_chinese_words_are_found_as_such():
    reference = ["我今天不去学校。"]
    whole = score_translations(["我今天去学校。"], reference)
    parted = score_translations(
        ["我今天去学校。"], reference, tokenize=bleu_tokenizer("zh-CN")
    )
    assert parted["bleu"] > whole["bleu"]
    assert "tok:zh" in parted["signatures"]["bleu"]
    assert [bleu_tokenizer(x) for x in ("ja", "en", None, "cmn")] == [
        "char",
        "13a",
        "13a",
        "zh",
    ]


@pytest.mark.backend_free
def test_scores_refuse():
    with pytest.raises(InputError, match="1 translations and 2 references"):
        score_translations(["A dog."], ENGLISH)
    with pytest.raises(InputError, match="0 translations"):
        score_translations([], [])
    with pytest.raises(InputError, match="tokenize='words'. Known: 13a, char"):
        score_translations(ENGLISH, ENGLISH, tokenize="words")
    with pytest.raises(InputError, match="tokenize='ja-mecab'"):
        score_translations(ENGLISH, ENGLISH, tokenize="ja-mecab")
    with pytest.raises(InputError, match="2 sources and 1 references"):
        TranslationScores(list, GERMAN, ENGLISH[:1])


def test_bleu_while_training_chooses_the_best_epoch():
    answers = iter([["A cat."] * 2, list(ENGLISH), [ENGLISH[0], "No."]])
    saved = []
    scores = TranslationScores(lambda texts: next(answers), GERMAN, ENGLISH)
    keeper = BestPreset(lambda: saved.append(len(saved)), "val_bleu")
    assert keeper.mode == BestPreset(list, "val_chrf").mode == "max"
    stop = keras.callbacks.EarlyStopping("val_bleu", mode="max", patience=1)
    history = small_fit(small_model(), scores, keeper, stop, epochs=9)
    assert len(history.epoch) == 3
    assert keeper.best_epoch == 2
    assert keeper.best == pytest.approx(100)
    assert keeper.best_logs["val_chrf"] == pytest.approx(100)
    assert saved == [0, 1]
    assert scores.translations == [ENGLISH[0], "No."]
    assert scores.signatures["bleu"].startswith("nrefs:1")
