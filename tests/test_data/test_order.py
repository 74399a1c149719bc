"""The order of batches: pure, complete, bucketed."""

import numpy as np
import pytest

from kzoo.data import BatchOrder

pytestmark = pytest.mark.backend_free

FIXED = [
    [1, 17, 18],
    [8, 16, 13],
    [14, 0, 15],
    [11, 12, 6],
    [3, 10, 5],
    [7, 2, 9],
    [4, 19],
]
LENGTHS = np.random.default_rng(3).integers(5, 512, 1009)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 2000])
@pytest.mark.parametrize("window", [1, 5, 64])
@pytest.mark.parametrize("drop", [False, True])
def test_every_example_once_in_an_epoch(batch_size, window, drop):
    order = BatchOrder(LENGTHS, batch_size, seed=5, window=window, drop_remainder=drop)
    for epoch in (0, 3):
        batches = [order.batch(epoch, step) for step in range(len(order))]
        seen = np.concatenate(batches) if batches else np.zeros(0)
        assert len(np.unique(seen)) == len(seen)
        dropped = len(LENGTHS) % batch_size if drop else 0
        assert len(seen) == len(LENGTHS) - dropped
        assert all(len(batch) == batch_size for batch in batches[:-1])


def test_a_batch_depends_on_seed_epoch_and_step_alone():
    order = BatchOrder(LENGTHS, 32, seed=5)
    late = order.batch(4, 11).tolist()
    again = BatchOrder(LENGTHS, 32, seed=5)
    for epoch in (2, 9, 0):
        again.batch(epoch, 3)
    np.random.default_rng(0).random()
    assert again.batch(4, 11).tolist() == late
    assert again.batch(5, 11).tolist() != late
    assert BatchOrder(LENGTHS, 32, seed=6).batch(4, 11).tolist() != late


def test_the_order_never_changes_between_versions():
    order = BatchOrder(np.arange(20) % 7, 3, seed=1, window=2)
    assert [batch.tolist() for batch in order.batches(0)] == FIXED


def test_which_examples_meet_changes_between_epochs():
    order = BatchOrder(np.tile(LENGTHS, 10), 32)
    first = {frozenset(batch.tolist()) for batch in order.batches(0)}
    second = {frozenset(batch.tolist()) for batch in order.batches(1)}
    assert not first & second


def test_batches_hold_texts_of_about_one_length():
    spread = [np.ptp(LENGTHS[b]) for b in BatchOrder(LENGTHS, 32).batches(0)]
    mixed = [np.ptp(LENGTHS[b]) for b in BatchOrder(LENGTHS, 32, window=1).batches(0)]
    assert np.mean(spread) < np.mean(mixed) / 5
    # Long and short batches follow each other in no order.
    means = [LENGTHS[b].mean() for b in BatchOrder(LENGTHS, 32).batches(0)]
    assert 0 < np.sum(np.diff(means) > 0) < len(means) - 1


def test_unshuffled_is_longest_first_and_can_be_undone():
    order = BatchOrder(LENGTHS, 32, shuffle=False)
    rows = np.concatenate(order.batches(0))
    assert (np.diff(LENGTHS[rows]) <= 0).all()
    assert order.batch(0, 3).tolist() == order.batch(8, 3).tolist()
    outputs = LENGTHS[rows]
    assert (outputs[order.inverse] == LENGTHS).all()


def test_nothing_at_all():
    order = BatchOrder([], 4, shuffle=False)
    assert len(order) == 0
    assert order.inverse.tolist() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"seed": -1}, "seed=-1"),
        ({"window": 0}, "window=0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        BatchOrder([1, 2], **{"batch_size": 1, **options})


def test_bad_calls():
    order = BatchOrder([1, 2, 3], 2)
    with pytest.raises(IndexError, match="2 steps.*step=2"):
        order.batch(0, 2)
    with pytest.raises(ValueError, match="inverted.*shuffle=True"):
        _ = order.inverse
    with pytest.raises(ValueError, match="drop_remainder=True"):
        _ = BatchOrder([1, 2, 3], 2, shuffle=False, drop_remainder=True).inverse
