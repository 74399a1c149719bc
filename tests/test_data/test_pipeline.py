"""Batches as `fit` takes them: the same on every backend, epoch after epoch."""

import contextlib
import hashlib
import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import kzoo.data
from kzoo.data import SetEpoch
from kzoo.data.token_batches import update_digest
from kzoo.errors import InputError
from kzoo.tokenizers import WordPieceTokenizer

SIZE = 150
# Of the arrays of epochs 0 and 1, computed once; each backend must give the same.
FINGERPRINTS = (
    "539db4cdb45324721a1db436093946b036d6304763725ff8da86fa2620d1dab7",
    "fc3ae3c706dd39a18017935c185d91a6ffcf40ddee33f6a5dadb9b0a20d17b61",
)


WORDS = "the plot cast is was dull fresh cold and but".split()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A stand-in with what `load` asks of a classifier, and a folder of data."""
    folder = tmp_path_factory.mktemp("data")
    for split, salt in (("train", 1), ("validation", 2), ("test", 3)):
        rows = ["text,label"]
        for i in range(SIZE):
            length = 1 + (i * salt * 7919) % 37
            text = " ".join(WORDS[(i * j + salt) % 10] for j in range(length))
            rows.append(f"{text},{('negative', 'positive')[i % 3 % 2]}")
        (folder / f"{split}.csv").write_text("\n".join(rows))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return types.SimpleNamespace(
        task="classification",
        tokenizer=WordPieceTokenizer([*special, *WORDS]),
        label_names=("negative", "positive"),
        max_sequence_length=32,
        folder=folder,
    )


def load(model, split="train", **options):
    options = {"batch_size": 16, "seed": 4, "length_multiple": 8, **options}
    return kzoo.data.load(model.folder, split, model, **options)


def as_numpy(batch):
    return keras.tree.map_structure(np.asarray, tuple(batch))


def digest(batches):
    found = hashlib.sha256()
    for batch in batches:
        update_digest(found, as_numpy(batch))
    return found.hexdigest()


def test_same_batches_on_every_backend_and_a_pass_is_an_epoch(model):
    train = load(model, class_weights={"positive": 2.0})
    source = train.batches
    assert source.order.epoch == 0
    found = (digest(train), digest(train))
    assert source.order.epoch == 2
    assert found == (source.fingerprint(0), source.fingerprint(1)) == FINGERPRINTS
    source.order.epoch = 1
    assert digest(train) == FINGERPRINTS[1]


def test_what_a_batch_holds(model):
    train = load(model)
    assert len(train) == 10
    batches = [as_numpy(batch) for batch in train]
    inputs, labels = batches[0]
    assert sorted(inputs) == ["padding_mask", "token_ids"]
    assert inputs["token_ids"].dtype == labels.dtype == "int32"
    assert inputs["padding_mask"].dtype == bool
    assert inputs["token_ids"].shape[1] % 8 == 0
    assert sum(len(labels) for _, labels in batches) == SIZE
    names = train.batches.label_names
    assert names == ("negative", "positive")


def test_only_train_is_shuffled(model):
    assert load(model).batches.order.shuffle
    assert not load(model, "test").batches.order.shuffle
    assert not load(model, shuffle=False).batches.order.shuffle


class Recorder(keras.callbacks.Callback):
    """Notes which epoch of the order each epoch of `fit` takes."""

    def __init__(self, order):
        super().__init__()
        self.order, self.seen = order, []

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(self.order.epoch)


class Sum(keras.layers.Layer):
    """Adds up the token ids of a text, times two weights."""

    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(2,), initializer="ones")

    def call(self, inputs):
        ids = inputs["token_ids"]
        total = keras.ops.sum(keras.ops.cast(ids, "float32"), axis=1, keepdims=True)
        return total * self.scale / 100.0


def summing_model():
    inputs = {
        "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
    }
    classifier = keras.Model(inputs, Sum()(inputs))
    classifier.compile(
        keras.optimizers.SGD(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[],
    )
    return classifier


def test_fit_takes_one_epoch_after_the_other(model):
    train, held = load(model), load(model, "validation")
    order = train.batches.order
    recorder = Recorder(order)
    classifier = summing_model()
    fit = {"validation_data": held, "verbose": 0, "shuffle": False}
    classifier.fit(train, epochs=3, callbacks=[recorder], **fit)
    classifier.fit(train, epochs=2, callbacks=[recorder], **fit)
    assert recorder.seen == [0, 1, 2, 3, 4]
    classifier.evaluate(held, verbose=0)


def test_the_epoch_can_follow_fit(model):
    train = load(model)
    recorder = Recorder(train.batches.order)
    summing_model().fit(
        train,
        initial_epoch=3,
        epochs=5,
        callbacks=[SetEpoch(train), recorder],
        verbose=0,
        shuffle=False,
    )
    assert recorder.seen == [3, 4]
    with pytest.raises(ValueError, match="SetEpoch takes.*list"):
        SetEpoch([1, 2])


@pytest.mark.parametrize(
    ("batch_size", "options"),
    [
        (15, {"epochs": 2, "shuffle": False}),
        (75, {"epochs": 2, "shuffle": False}),
        (15, {"epochs": 2, "shuffle": True}),
        (15, {"epochs": 4, "shuffle": False, "steps_per_epoch": 5}),
    ],
)
def test_training_equals_the_same_steps_by_hand(model, batch_size, options):
    """The weights after `fit` are those of `train_on_batch` in the written order."""
    train = load(model, batch_size=batch_size)
    one, two = summing_model(), summing_model()
    warns = contextlib.nullcontext()
    if options["shuffle"] and keras.backend.backend() == "tensorflow":
        warns = pytest.warns(UserWarning, match="shuffle=True")
    with warns:
        one.fit(train, verbose=0, **options)
    source = train.batches
    assert source.order.epoch == 2
    for epoch in range(2):
        for step in range(len(source)):
            two.train_on_batch(*source.batch(epoch, step))
    found, wanted = (np.array(m.get_weights()[0]) for m in (one, two))
    assert not np.array_equal(found, np.ones(2))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_predictions_return_in_the_order_of_the_texts(model):
    texts = ["dull", "the plot is dull and the cast is cold", "", "fresh plot"]
    data = kzoo.data.batches(texts, model.tokenizer, batch_size=2, length_multiple=1)
    classifier = summing_model()
    found = classifier.predict(data, verbose=0)[data.batches.order.inverse]
    wanted = [sum(model.tokenizer.encode(text)) for text in texts]
    np.testing.assert_allclose(found[:, 0], np.array(wanted) / 100.0, rtol=1e-6)


def test_pairs(model):
    pairs = [("the plot", "is dull"), ("fresh", "cold")]
    data = kzoo.data.batches(pairs, model.tokenizer)
    ((inputs,),) = [as_numpy(batch) for batch in data]
    assert inputs["segment_ids"].shape == inputs["token_ids"].shape
    assert inputs["segment_ids"].max() == 1


def test_texts_are_cut_for_the_model(model):
    train = load(model, max_length=10)
    assert max(t for _, t in train.batches.shapes()) == 10
    assert "texts fill all 10 tokens" in train.batches.notes[-1]
    with pytest.raises(InputError, match="max_length=33, model.max_sequence_length=32"):
        load(model, max_length=33)


def test_other_tasks_are_refused(model):
    other = types.SimpleNamespace(task="generation")
    with pytest.raises(InputError, match="model.task='generation'"):
        kzoo.data.load("demo:reviews", "train", other)


@pytest.mark.tensorflow_only
def test_the_tensorflow_form(model):
    import tensorflow as tf

    train = load(model, class_weights="balanced")
    assert isinstance(train, tf.data.Dataset)
    assert int(train.cardinality()) == 10
    inputs, labels, weights = train.element_spec
    assert inputs["token_ids"].shape.as_list() == [None, None]
    assert (labels.dtype, weights.dtype) == (tf.int32, tf.float32)
    pairs = kzoo.data.batches([("a", "b")], model.tokenizer)
    assert "segment_ids" in pairs.element_spec[0]


def test_other_backends_train_without_tensorflow():
    if keras.backend.backend() == "tensorflow":
        pytest.skip("this backend is TensorFlow")
    program = (
        "import sys, kzoo.data, kzoo.tokenizers\n"
        "examples = kzoo.data.read('demo:reviews', 'train', size=64)\n"
        "words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the']\n"
        "tokenizer = kzoo.tokenizers.WordPieceTokenizer(words)\n"
        "import keras\n"
        "data = kzoo.data.batches(examples, tokenizer)\n"
        "assert isinstance(data, keras.utils.PyDataset)\n"
        "assert len(list(data)) == 2\n"
        "assert 'tensorflow' not in sys.modules\n"
        "print('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.stdout.endswith("done\n"), done.stderr


@pytest.mark.backend_free
def test_importing_data_loads_no_framework():
    program = (
        "import sys, kzoo.data\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'tensorflow_datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr
