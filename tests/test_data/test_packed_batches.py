"""Packed batches: every token a target once, the same order on every backend."""

import hashlib

import keras
import numpy as np
import pytest
from support.language_models import Letters, TinyLM, random_stream

import kzoo.data
from kzoo.data import BlockOrder, PackedBatches, packed
from kzoo.data.token_batches import update_digest
from kzoo.errors import InputError
from kzoo.models import GPT2CausalLM

# Of the arrays of epochs 0 and 1; each backend must give the same.
FINGERPRINTS = (
    "a6dceb5afad53f6071b15041802b8bbaee4f0fca63007fbd490f5ac7425f5596",
    "1bd136576c227c77a6be098495c0ba5477cac1e57bbd7d6cf71237c81848c1ad",
)


def as_numpy(batch):
    return keras.tree.map_structure(np.asarray, tuple(batch))


def digest(batches):
    found = hashlib.sha256()
    for batch in batches:
        update_digest(found, as_numpy(batch))
    return found.hexdigest()


@pytest.mark.backend_free
@pytest.mark.parametrize("count", [8, 14, 15, 100, 101, 211])
@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_a_shuffled_epoch_has_each_target_once_at_most(count, batch_size):
    order = BlockOrder(count, 7, batch_size, seed=3)
    for epoch in (0, 5):
        starts = np.concatenate([order.batch(epoch, s) for s in range(len(order))])
        assert len(starts) == order.examples
        targets = (starts[:, None] + np.arange(1, 8)).ravel()
        assert len(np.unique(targets)) == len(targets)
        assert targets.min() >= 1
        assert targets.max() < count
        if batch_size == 1:  # nothing dropped: fewer than 2 T are left out
            assert len(targets) > count - 1 - 2 * 7


@pytest.mark.backend_free
def test_an_epoch_is_a_function_of_seed_and_epoch_alone():
    order = BlockOrder(1009, 7, 5, seed=3)
    late = order.batch(4, 11).tolist()
    again = BlockOrder(1009, 7, 5, seed=3)
    for epoch in (2, 9, 0):
        again.batch(epoch, 3)
    np.random.default_rng(0).random()
    assert again.batch(4, 11).tolist() == late
    assert again.batch(5, 11).tolist() != late
    assert BlockOrder(1009, 7, 5, seed=4).batch(4, 11).tolist() != late
    offsets = {int(order.starts(epoch).min()) for epoch in range(60)}
    assert offsets == set(range(7))  # borders move, to every place


@pytest.mark.backend_free
def test_the_order_never_changes_between_versions():
    order = BlockOrder(50, 7, 2, seed=1)
    assert [order.batch(0, s).tolist() for s in range(len(order))] == [
        [17, 31],
        [10, 38],
        [3, 24],
    ]


@pytest.mark.parametrize("drop", [None, False])
def test_epochs_of_so_many_steps_go_on_where_the_last_stopped(drop):
    stream = random_stream(211)
    options = {"batch_size": 5, "seed": 3, "drop_remainder": drop}
    passes = packed(stream, 7, **options).batches
    data = packed(stream, 7, steps_per_epoch=4, **options)
    expected = [passes.order.batch(e, s) for e in range(4) for s in range(len(passes))]
    found = [data.batches.order.batch(e, s) for e in range(4) for s in range(4)]
    for one, two in zip(expected[:16], found, strict=True):
        assert one.tolist() == two.tolist()
    assert len(data) == 4
    assert (digest(data), digest(data)) == (
        data.batches.fingerprint(0),
        data.batches.fingerprint(1),
    )


@pytest.mark.backend_free
@pytest.mark.parametrize("count", [2, 7, 8, 9, 29, 101])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_unshuffled_rows_predict_each_token_once_in_order(count, batch_size):
    stream = random_stream(count)
    order = BlockOrder(count, 7, batch_size, shuffle=False)
    batches = PackedBatches(stream, order)
    seen = []
    for step in range(len(batches)):
        inputs, labels, weights = batches.batch(0, step)
        assert inputs["token_ids"].shape == labels.shape == weights.shape
        assert inputs["token_ids"].dtype == labels.dtype == "int32"
        assert weights.dtype == "float32"
        assert labels.min() >= 0
        seen.append(labels[weights > 0])
        # A token that has a target is real.
        assert inputs["padding_mask"][weights > 0].all()
    assert np.concatenate(seen).tolist() == stream.tokens[1:].tolist()


@pytest.mark.backend_free
def test_segments_part_documents():
    stream = random_stream(20, documents=(0, 4, 6, 13))
    order = BlockOrder(20, 7, 3, shuffle=False)
    inputs, labels, weights = PackedBatches(stream, order, segments=True).batch(0, 0)
    assert inputs["segment_ids"].tolist()[:2] == [
        [0, 0, 0, 0, 1, 1, 2],
        [0, 0, 0, 0, 0, 0, 1],
    ]
    assert weights.tolist()[:2] == [
        [1, 1, 1, 0, 1, 0, 1],
        [1, 1, 1, 1, 1, 0, 1],
    ]
    assert labels[0].tolist() == stream.tokens[1:8].tolist()
    assert inputs["segment_ids"].dtype == "int32"


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_both_forms_hold_the_same_bytes(segments, shuffle):
    stream = random_stream(1009, documents=(0, 40, 41, 600))
    data = packed(stream, 7, batch_size=5, seed=2, shuffle=shuffle, segments=segments)
    source = data.batches
    assert len(data) == len(source)
    found = (digest(data), digest(data))
    assert source.order.epoch == 2
    assert found == (source.fingerprint(0), source.fingerprint(1))
    if shuffle and segments:
        assert found == FINGERPRINTS


@pytest.mark.parametrize("segments", [False, True])
def test_a_causal_model_needs_no_mask_of_padding(segments):
    """The last row of ten ends behind the stream; no token of it sees that."""
    options = {"batch_size": 3, "shuffle": False, "segments": segments}
    stream = random_stream(68, documents=(0, 40))
    masked, plain = (
        packed(stream, 7, padding_mask=mask, **options) for mask in (True, False)
    )
    assert len(masked) == len(plain) == 4
    model = GPT2CausalLM(
        9, 8, num_layers=1, num_heads=2, max_sequence_length=7, dropout=0.0
    )
    for one, two in zip(masked, plain, strict=True):
        one, two = as_numpy(one), as_numpy(two)
        assert set(one[0]) - set(two[0]) == {"padding_mask"}
        np.testing.assert_array_equal(one[0]["token_ids"], two[0]["token_ids"])
        np.testing.assert_array_equal(one[2], two[2])
        logits = [keras.ops.convert_to_numpy(model(part[0])) for part in (one, two)]
        counted = one[2] > 0
        np.testing.assert_allclose(logits[0][counted], logits[1][counted], atol=1e-6)
    assert not one[0]["padding_mask"].all()


@pytest.mark.backend_free
@pytest.mark.parametrize("shuffle", [False, True])
def test_steps_in_any_order_are_those_of_a_pass(shuffle):
    stream = random_stream(1009, documents=(0, 40, 600))
    order = BlockOrder(1009, 7, 4, shuffle=shuffle, drop_remainder=False)
    batches = PackedBatches(stream, order, segments=True)
    for epoch, step in [(0, 3), (0, 4), (1, 4), (1, len(batches) - 1), (0, 0), (0, 3)]:
        found = batches.batch(epoch, step)
        expected = batches.rows(order.batch(epoch, step))
        keras.tree.map_structure(np.testing.assert_array_equal, found, expected)
        found[0]["token_ids"][:] = 0  # a batch is the caller's own
        found[1][:] = 0


@pytest.mark.tensorflow_only
def test_shapes_are_known_where_all_are_the_same():
    stream = random_stream(7 * 40)  # 39 blocks
    for batch_size, drop, size in ((5, None, 5), (13, False, 13), (4, False, None)):
        data = packed(stream, 7, batch_size=batch_size, drop_remainder=drop)
        inputs, labels, weights = data.element_spec
        for spec in (*inputs.values(), labels, weights):
            assert spec.shape.as_list() == [size, 7]


def test_a_pass_that_is_given_up_does_not_count():
    data = packed(random_stream(1009), 7, batch_size=5)
    for _, batch in zip(range(3), data, strict=False):
        assert batch[0]["token_ids"].shape == (5, 7)
    assert data.batches.order.epoch == 0


@pytest.mark.slow_on("jax")
def test_fit_passes_over_epochs():
    model = TinyLM()
    from kzoo.training import compile_language_model

    compile_language_model(model, keras.optimizers.Adam(0.01), jit_compile=False)
    data = packed(random_stream(200), 7, batch_size=5, seed=2)
    model.fit(data, epochs=3, verbose=0, shuffle=False)
    assert data.batches.order.epoch == 3


def test_load_gives_batches_for_a_model(tmp_path):
    (tmp_path / "input.txt").write_text("abc defg\n" * 50)
    model = TinyLM()
    train = kzoo.data.load(
        tmp_path / "input.txt",
        "train",
        model,
        batch_size=4,
        seed=1,
        validation_share=0.2,
    )
    inputs, labels, weights = as_numpy(next(iter(train)))
    assert inputs["token_ids"].shape == labels.shape == weights.shape == (4, 7)
    assert weights.all()
    assert train.batches.order.shuffle
    held = kzoo.data.load(
        tmp_path / "input.txt", "validation", model, sequence_length=3, batch_size=64,
        validation_share=0.2,
    )  # fmt: skip
    assert not held.batches.order.shuffle
    _, _, weights = as_numpy(next(iter(held)))
    assert weights.sum() == 89
    assert "characters 360 to 450" in held.batches.notes[-1]


@pytest.mark.backend_free
def test_what_is_refused(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("abcdefg")
    model = TinyLM()
    with pytest.raises(InputError, match="at least one block.*7 tokens.*train.txt.*=7"):
        kzoo.data.load(path, "train", model)
    with pytest.raises(InputError, match="sequence_length=8.*max_sequence_length=7"):
        kzoo.data.load(path, "train", model, sequence_length=8)
    with pytest.raises(InputError, match="at least two tokens"):
        BlockOrder(1, 7, 2, shuffle=False)
    with pytest.raises(ValueError, match="batch_size=0"):
        BlockOrder(100, 7, 0)
    with pytest.raises(IndexError, match="step=99"):
        BlockOrder(100, 7, 2).batch(0, 99)
    with pytest.raises(InputError, match="model.task=None"):
        kzoo.data.load(path, "train", Letters())
