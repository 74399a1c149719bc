"""The order of pairs: pure, complete, bucketed, and as long in every epoch."""

import collections

import numpy as np
import pytest

from kzoo.data import PairOrder
from kzoo.errors import InputError

pytestmark = pytest.mark.backend_free

DRAWS = np.random.default_rng(3)
SOURCES = DRAWS.integers(2, 90, 1009)
TARGETS = np.maximum(2, SOURCES + DRAWS.integers(-13, 14, 1009))
BUDGETS = [{"batch_size": 7}, {"batch_size": 2000}, {"batch_tokens": 521}]


def make(**options):
    return PairOrder(SOURCES, TARGETS, **{"seed": 5, **options})


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_pair_once_in_every_epoch_of_as_many_steps(budget, shuffle):
    order = make(shuffle=shuffle, **budget)
    shapes = []
    for epoch in (0, 3, 8):
        batches = [order.batch(epoch, step) for step in range(len(order))]
        assert np.sort(np.concatenate(batches)).tolist() == list(range(1009))
        shapes.append(collections.Counter(map(len, batches)))
        assert len(order.batches(epoch)) == len(order)
    assert shapes[0] == shapes[1] == shapes[2]
    assert order.examples == 1009
    assert sum(size * count for size, count in shapes[0].items()) == 1009


@pytest.mark.parametrize("multiple", [None, 4, 1])
@pytest.mark.parametrize("budget", [128, 521, 4096])
def test_a_batch_of_padded_sides_stays_within_its_tokens(multiple, budget):
    order = make(batch_tokens=budget, length_multiple=multiple)
    for epoch in (0, 4):
        batches = order.batches(epoch)
        widths = [order.widths[rows].max() for rows in batches]
        cells = [len(r) * w for r, w in zip(batches, widths, strict=True)]
        assert max(cells) <= budget
        assert np.mean(cells[:-1]) > 0.7 * budget
        assert all(len(rows) % 8 == 0 or len(rows) < 8 for rows in batches[:-1])
        # Whole batches of one width are of one size, but where the bucket's own pairs
        # are missing.
        shapes = collections.Counter(
            (int(width), len(rows))
            for rows, width in zip(batches[:-1], widths[:-1], strict=True)
        )
        assert len(shapes) <= len(np.unique(order.widths)) + 2


def test_pairs_of_a_batch_are_about_as_long():
    order = make(batch_tokens=2048)
    wasted = [
        w - order.widths[rows]
        for rows in order.batches(0)[:-1]
        for w in [order.widths[rows].max()]
    ]
    assert np.mean(np.concatenate(wasted)) < 3
    longest = np.maximum(SOURCES, TARGETS)
    assert (order.widths >= longest).all()
    assert (order.widths - longest < 16).all()


def test_which_pairs_meet_changes_between_epochs():
    order = make(batch_tokens=521)
    first = {frozenset(rows.tolist()) for rows in order.batches(0)}
    second = {frozenset(rows.tolist()) for rows in order.batches(1)}
    assert not first & second
    handed_on = set(order.batches(0)[-1].tolist())
    assert handed_on != set(order.batches(1)[-1].tolist())
    widths = [order.widths[rows].max() for rows in order.batches(0)]
    assert 0.2 < np.mean(np.diff(widths) > 0) < 0.8  # short and long in no order


def test_a_batch_depends_on_seed_epoch_and_step_alone():
    order = make(batch_tokens=521)
    late = order.batch(4, 11).tolist()
    again = make(batch_tokens=521)
    for epoch in (2, 9, 0):
        again.batch(epoch, 3)
    np.random.default_rng(0).random()
    assert again.batch(4, 11).tolist() == late
    assert again.batch(5, 11).tolist() != late
    assert make(batch_tokens=521, seed=6).batch(4, 11).tolist() != late


def test_the_order_never_changes_between_versions():
    lengths = 3 + np.arange(20) % 11
    order = PairOrder(lengths, lengths[::-1], batch_tokens=40, seed=1)
    assert [rows.tolist() for rows in order.batches(0)] == FIXED


FIXED = [
    [17, 9],
    [11, 2],
    [15, 6],
    [8, 10],
    [13, 0],
    [7, 1],
    [3, 16, 4, 5, 14],
    [18, 19],
    [12],
]


def test_the_last_smaller_batch_can_be_left_out():
    order, whole = make(batch_tokens=521, drop_remainder=True), make(batch_tokens=521)
    assert len(order) == len(whole) - 1
    assert order.examples == 1009 - len(whole.batches(0)[-1])
    assert [rows.tolist() for rows in order.batches(2)] == [
        rows.tolist() for rows in whole.batches(2)[:-1]
    ]
    small = PairOrder([3] * 5, [3] * 5, batch_size=2, shuffle=False,
                      drop_remainder=True)  # fmt: skip
    assert [rows.tolist() for rows in small.batches(0)] == [[0, 1], [2, 3]]


def test_epochs_of_so_many_steps_go_on_where_the_last_stopped():
    passes, order = make(batch_tokens=521), make(batch_tokens=521, steps_per_epoch=29)
    expected = [
        passes.batch(epoch, step) for epoch in range(2) for step in range(len(passes))
    ]
    found = [order.batch(epoch, step) for epoch in range(3) for step in range(29)]
    assert len(order) == 29
    for one, two in zip(expected[: len(found)], found, strict=False):
        assert one.tolist() == two.tolist()
    assert order.examples == pytest.approx(1009 * 29 / len(passes))
    assert len(make(batch_tokens=521, steps_per_epoch=29, shuffle=False)) != 29


@pytest.mark.parametrize("budget", BUDGETS)
def test_unshuffled_is_widest_first_and_can_be_undone(budget):
    order = make(shuffle=False, **budget)
    rows = np.concatenate(order.batches(0))
    assert (np.diff(order.widths[rows]) <= 0).all()
    assert order.batch(0, 0).tolist() == order.batch(8, 0).tolist()
    outputs = SOURCES[rows]
    assert (outputs[order.inverse] == SOURCES).all()
    with pytest.raises(ValueError, match="can be inverted.*shuffle=True"):
        _ = make(batch_size=7).inverse


def test_widths_go_no_further_than_the_model():
    order = PairOrder([3, 21], [22, 5], batch_size=2, max_length=22)
    assert order.widths.tolist() == [22, 22]
    assert PairOrder([3, 21], [22, 5], batch_size=2).widths.tolist() == [24, 24]


@pytest.mark.parametrize("shuffle", [True, False])
def test_nothing_at_all(shuffle):
    order = PairOrder([], [], batch_size=4, shuffle=shuffle)
    assert len(order) == order.examples == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "number of pairs or a number of tokens.*batch_size=None"),
        ({"batch_size": 3, "batch_tokens": 64}, "batch_size=3, batch_tokens=64"),
        ({"batch_tokens": 95}, "widest pair.*batch_tokens=95, a pair of 96 .*--max-le"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"batch_size": 2, "seed": -1}, "seed=-1"),
        ({"batch_size": 2, "length_multiple": 0}, "length_multiple=0"),
        ({"batch_size": 2, "steps_per_epoch": 0}, "steps_per_epoch=0"),
        (
            {"batch_size": 2000, "steps_per_epoch": 3, "drop_remainder": True},
            "one whole batch.*1,009 pairs, batch_size=2000",
        ),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        make(**options)
    with pytest.raises(IndexError, match="step=145"):
        make(batch_size=7).batch(0, 145)
