"""Batches of pairs: shifted to the token, the same bytes on every backend."""

import hashlib
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.translators import TwoLanguages, stand_in

import kzoo.data
from kzoo.data import Pairs, tokenize_pairs, translation_batches
from kzoo.data.token_batches import update_digest
from kzoo.errors import InputError

# Of the arrays of epochs 0 and 1; each backend must give the same.
FINGERPRINTS = (
    "6beac09734e015b622a9790afe07cc24678a13224a10fa4b761ab8fa601b7e13",
    "df99f9505633a4b1db03f348f74bcb85aa24658a2edeb4c9cb624efe1927ede2",
)
SOURCE_WORDS = "der die das hund katze haus sieht und nicht".split()
TARGET_WORDS = "the dog cat house sees and not does a red green blue".split()


def sentences(words, count, stride):
    return [
        " ".join(words[(i * stride + j * j) % len(words)] for j in range(1 + i % 17))
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def tokenizer():
    return TwoLanguages(SOURCE_WORDS, TARGET_WORDS)


@pytest.fixture(scope="module")
def pairs():
    return Pairs(sentences(SOURCE_WORDS, 211, 5), sentences(TARGET_WORDS, 211, 7))


def as_numpy(batch):
    return keras.tree.map_structure(np.asarray, tuple(batch))


def digest(batches):
    found = hashlib.sha256()
    for batch in batches:
        update_digest(found, as_numpy(batch))
    return found.hexdigest()


@pytest.mark.backend_free
def test_the_shift_to_the_token(tokenizer):
    pairs = Pairs(["der hund", "die katze und das haus"], ["the dog sees", "a"])
    data = translation_batches(
        pairs, tokenizer, shuffle=False, batch_size=2, length_multiple=5
    )
    ((inputs, labels, weights),) = [as_numpy(batch) for batch in data]
    the, dog, sees, a = (2 + TARGET_WORDS.index(w) for w in "the dog sees a".split())
    pad, source_pad = 14, 11
    assert (tokenizer.pad_id, tokenizer.source.pad_id) == (pad, source_pad)
    # The longer source comes first. Six tokens with the end are padded to ten.
    assert inputs["encoder_token_ids"].tolist() == [
        [3, 6, 9, 4, 7, 0, *[source_pad] * 4],
        [2, 5, 0, *[source_pad] * 7],
    ]
    assert inputs["encoder_padding_mask"].sum(1).tolist() == [6, 3]
    assert inputs["decoder_token_ids"].tolist() == [
        [pad, a, pad, pad, pad],
        [pad, the, dog, sees, pad],
    ]
    assert inputs["decoder_padding_mask"].tolist() == [
        [True, True, False, False, False],
        [True, True, True, True, False],
    ]
    assert labels.tolist() == [[a, 0, pad, pad, pad], [the, dog, sees, 0, pad]]
    assert weights.tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]
    kinds = {name: str(part.dtype) for name, part in inputs.items()}
    assert kinds == {
        "encoder_token_ids": "int32",
        "encoder_padding_mask": "bool",
        "decoder_token_ids": "int32",
        "decoder_padding_mask": "bool",
    }
    assert (labels.dtype, weights.dtype) == ("int32", "float32")


@pytest.mark.backend_free
def test_every_batch_holds_its_pairs_whole(tokenizer, pairs):
    data = translation_batches(pairs, tokenizer, batch_tokens=97, seed=3)
    source = data.batches
    seen = []
    for step in range(len(source)):
        rows = source.order.batch(2, step)
        inputs, labels, weights = source.batch(2, step)
        assert inputs["encoder_token_ids"].size <= 97
        assert labels.size <= 97
        for i, row in enumerate(rows):
            target = tokenizer.target.encode(pairs.targets[row])
            count = len(target)
            assert labels[i, :count].tolist() == target
            assert inputs["decoder_token_ids"][i, :count].tolist() == [
                tokenizer.start_id,
                *target[:-1],
            ]
            real = inputs["encoder_token_ids"][i][inputs["encoder_padding_mask"][i]]
            assert real.tolist() == tokenizer.source.encode(pairs.sources[row])
            assert (labels[i, count:] == tokenizer.pad_id).all()
            assert weights[i].sum() == count
        seen += rows.tolist()
    assert sorted(seen) == list(range(211))
    shapes = source.shapes()
    assert [b for b, _, _ in shapes] == [len(r) for r in source.order.batches(0)]
    tokens = sum(len(t.split()) + 1 for t in pairs.targets)
    assert source.target_tokens == tokens
    sides = tokens + sum(len(s.split()) + 1 for s in pairs.sources)
    cells = sum(b * (s + t) for b, s, t in shapes)
    assert source.padding_share() == pytest.approx(1 - sides / cells)


def test_both_forms_hold_the_same_bytes(tokenizer, pairs):
    data = translation_batches(pairs, tokenizer, batch_tokens=97, seed=3)
    source = data.batches
    assert len(data) == len(source)
    found = (digest(data), digest(data))
    assert source.order.epoch == 2
    assert found == (source.fingerprint(0), source.fingerprint(1)) == FINGERPRINTS
    source.order.epoch = 1
    assert digest(data) == FINGERPRINTS[1]


class Bag(keras.Model):
    """Logits of each token from it and the mean of the source."""

    def __init__(self):
        super().__init__()
        self.encoder = keras.layers.Embedding(12, 5)
        self.decoder = keras.layers.Embedding(15, 5)
        self.head = keras.layers.Dense(15)

    def call(self, inputs):
        mask = keras.ops.cast(inputs["encoder_padding_mask"], "float32")[..., None]
        source = self.encoder(inputs["encoder_token_ids"]) * mask
        mean = keras.ops.sum(source, 1, keepdims=True) / keras.ops.sum(
            mask, 1, keepdims=True
        )
        return self.head(self.decoder(inputs["decoder_token_ids"]) + mean)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("steps", [None, 5])
def test_fit_takes_the_steps_of_the_order(tokenizer, pairs, steps):
    data = translation_batches(
        pairs, tokenizer, batch_tokens=297, seed=3, steps_per_epoch=steps
    )
    one, two = Bag(), Bag()
    for model in (one, two):
        model(data.batches.batch(0, 0)[0])
        model.compile(
            keras.optimizers.SGD(0.1),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=[],
            jit_compile=False,
        )
    two.set_weights(one.get_weights())
    one.fit(data, epochs=2, verbose=0, shuffle=False)
    assert data.batches.order.epoch == 2
    for epoch in range(2):
        for step in range(len(data.batches)):
            two.train_on_batch(*data.batches.batch(epoch, step))
    for found, wanted in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def write_split(folder, split, count):
    lines = {"de": sentences(SOURCE_WORDS, count, 5)}
    lines["en"] = sentences(TARGET_WORDS, count, 7)
    for language, texts in lines.items():
        path = folder / f"{split}.{language}"
        path.write_text("\n".join(texts) + "\n")


def test_load_gives_batches_for_a_translator(tokenizer, tmp_path):
    for split, count in (("train", 67), ("val", 11), ("test", 5)):
        write_split(tmp_path, split, count)
    model = stand_in(tokenizer, start_id=13)
    options = {"source_language": "de", "target_language": "en"}
    told = []
    train = kzoo.data.load(
        tmp_path, "train", model, batch_size=4, seed=1,
        progress=lambda *both: told.append(both), **options,
    )  # fmt: skip
    assert told == [(67, 134), (134, 134)]
    assert len(train) == 17
    inputs, labels, weights = as_numpy(next(iter(train)))
    assert (inputs["decoder_token_ids"][:, 0] == 13).all()
    assert labels.shape == weights.shape == inputs["decoder_padding_mask"].shape
    assert train.batches.order.shuffle
    held = kzoo.data.load(tmp_path, "validation", model, **options)
    assert not held.batches.order.shuffle
    assert [b for b, _, _ in held.batches.shapes()] == [11]  # 32 at most by default
    assert len(kzoo.data.load(tmp_path, "test", model, batch_tokens=32, **options)) > 1


@pytest.mark.backend_free
def test_long_pairs_are_left_out_of_training_and_refused_elsewhere(tokenizer, tmp_path):
    write_split(tmp_path, "train", 68)
    model = stand_in(tokenizer, max_sequence_length=15)
    options = {"source_language": "de", "target_language": "en", "test_share": 0,
               "validation_share": 0}  # fmt: skip
    train = kzoo.data.load(tmp_path, "train", model, **options)
    # Texts have 1 to 17 words and an end: four times 15, 16 and 17 words.
    assert train.batches.order.examples == 68 - 12
    assert (
        "12 of 68 pairs left out for more than 15 tokens on a side; the longest has 18"
        in train.batches.notes[-1]
    )
    assert max(max(s, t) for _, s, t in train.batches.shapes()) == 15
    rule = r"12 of 68 pairs of .*train.de.*pair 15 first with 16.*long_pairs='drop'"
    with pytest.raises(InputError, match=rule):
        kzoo.data.load(tmp_path, "train", model, shuffle=False, **options)
    with pytest.raises(InputError, match=rule):
        kzoo.data.load(tmp_path, "train", model, long_pairs="error", **options)
    held = kzoo.data.load(
        tmp_path, "train", model, shuffle=False, long_pairs="drop", **options
    )
    assert held.batches.order.examples == 56
    short = kzoo.data.load(tmp_path, "train", model, max_length=4, **options)
    assert short.batches.order.examples == 12
    with pytest.raises(InputError, match="max_length=16, model.max_sequence_length=15"):
        kzoo.data.load(tmp_path, "train", model, max_length=16, **options)
    with pytest.raises(InputError, match="max_length=1, the shortest of 68.*has 2"):
        kzoo.data.load(tmp_path, "train", model, max_length=1, **options)
    with pytest.raises(InputError, match="long pairs.*'cut'.*Known: drop, error"):
        kzoo.data.load(tmp_path, "train", model, long_pairs="cut", **options)


@pytest.mark.backend_free
def test_tokens_of_pairs(tokenizer, pairs):
    tokens = tokenize_pairs(pairs, tokenizer)
    assert len(tokens) == 211
    assert tokens.total == tokens.sources.lengths.sum() + tokens.targets.lengths.sum()
    assert tokens.characters == sum(map(len, (*pairs.sources, *pairs.targets)))
    some = tokens.subset([7, 3])
    again = tokenize_pairs(pairs.subset([7, 3]), tokenizer)
    assert some.fingerprint() == again.fingerprint() != tokens.fingerprint()
    assert some.sources.offsets.tolist() == again.sources.offsets.tolist()
    options = {"batch_size": 8, "seed": 2}
    one = translation_batches(tokens, tokenizer, **options).batches
    two = translation_batches(pairs, tokenizer, **options).batches
    assert one.fingerprint() == two.fingerprint()


@pytest.mark.tensorflow_only
def test_the_tensorflow_form(tokenizer, pairs):
    import tensorflow as tf

    data = translation_batches(pairs, tokenizer, batch_tokens=97)
    assert isinstance(data, tf.data.Dataset)
    assert int(data.cardinality()) == len(data.batches)
    inputs, labels, weights = data.element_spec
    assert {spec.dtype for spec in inputs.values()} == {tf.int32, tf.bool}
    assert (labels.dtype, weights.dtype) == (tf.int32, tf.float32)
    assert all(spec.shape.as_list() == [None, None] for spec in (labels, weights))


def test_other_backends_train_without_tensorflow(tmp_path):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("this backend is TensorFlow")
    write_split(tmp_path, "train", 30)
    program = (
        "import sys, json, kzoo.data\n"
        f"sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})\n"
        "from support.translators import TwoLanguages, stand_in\n"
        f"model = stand_in(TwoLanguages({SOURCE_WORDS!r}, {TARGET_WORDS!r}))\n"
        f"data = kzoo.data.load({str(tmp_path)!r}, 'train', model, batch_tokens=64,\n"
        "    source_language='de', target_language='en')\n"
        "import keras\n"
        "assert isinstance(data, keras.utils.PyDataset)\n"
        "print(json.dumps([len(list(data)), 'tensorflow' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    count, imported = json.loads(done.stdout or "[0, true]")
    assert count > 4, done.stderr
    assert not imported


@pytest.mark.backend_free
def test_multi30k_in_batches_of_tokens(shared_data):
    """With words for tokens: few shapes, little padding, as many steps each epoch."""
    folder = shared_data / "multi30k_de_en"
    pairs = kzoo.data.read_pairs(
        folder, "train", source_language="de", target_language="en"
    )
    data = translation_batches(
        pairs, TwoLanguages("ein", "a"), batch_tokens=4096, max_length=64
    )
    source = data.batches
    assert source.order.examples == 29_000
    shapes = source.shapes()
    assert max(b * max(s, t) for b, s, t in shapes) <= 4096
    assert len(set(shapes)) <= 10
    assert source.padding_share() < 0.3
    lengths = {len(source.order.batches(epoch)) for epoch in range(5)}
    assert lengths == {len(source)}
