"""Balanced: every class counts the same in training, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import ConfigError


def samples(counts: list[int]) -> data.Dataset:
    """Rows of as many classes, each with its own number as its input."""
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(0).permutation(labels)
    return data.Dataset(np.arange(len(labels), dtype=np.float32)[:, None], labels, classes=[str(c) for c in counts])


COUNTS = st.lists(st.integers(0, 30), min_size=2, max_size=5).filter(lambda counts: sum(c > 0 for c in counts) > 1)


@given(COUNTS, st.integers(0, 2**40), st.integers(0, 5))
def test_an_epoch_has_as_many_rows_and_the_same_of_each_class(counts: list[int], seed: int, epoch: int) -> None:
    rows = samples(counts)
    order = data.Balanced(rows).order(seed, epoch)
    assert rows.target is not None and len(order) == len(rows)
    drawn = np.bincount(rows.target[order], minlength=len(counts))
    there = np.array(counts) > 0
    assert (drawn[~there] == 0).all()
    assert np.ptp(drawn[there]) <= 1  # to the row


@given(COUNTS, st.integers(0, 2**40))
def test_no_row_comes_more_than_once_oftener_than_another_of_its_class(counts: list[int], seed: int) -> None:
    rows = samples(counts)
    assert rows.target is not None
    times = np.bincount(data.Balanced(rows).order(seed, 0), minlength=len(rows))
    for c in np.unique(rows.target):
        assert np.ptp(times[rows.target == c]) <= 1


def test_shares_that_are_no_whole_rows_are_right_on_average() -> None:
    rows = samples([5, 1, 1])
    assert rows.target is not None
    balanced = data.Balanced(rows, shares=[3, 2, 1])
    drawn = [np.bincount(rows.target[balanced.order(0, epoch)]) for epoch in range(2000)]
    np.testing.assert_allclose(np.mean(drawn, axis=0), np.array([3, 2, 1]) / 6 * 7, atol=0.05)


def test_all_rows_of_a_frequent_class_come_in_time_and_epochs_are_drawn_from_seed_and_epoch_alone() -> None:
    rows = samples([40, 4])
    balanced = data.Balanced(rows)
    seen = np.unique(np.concatenate([balanced.order(1, epoch) for epoch in range(20)]))
    np.testing.assert_array_equal(seen, rows.rows())
    np.testing.assert_array_equal(data.Balanced(rows).order(1, 7), balanced.order(1, 7))
    assert (balanced.order(1, 7) != balanced.order(2, 7)).any()
    in_order = balanced.order(1, 7, shuffle=False)
    np.testing.assert_array_equal(in_order, np.sort(in_order))


def test_weights_are_those_of_scikit_learn_and_leave_the_rows_as_they_are() -> None:
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    rows = samples([40, 4, 11])
    weighted = data.Balanced(rows, "weights")
    expected = sklearn.compute_class_weight("balanced", classes=np.arange(3), y=rows.target)
    np.testing.assert_allclose(weighted.class_weights, expected, rtol=1e-6)
    assert rows.target is not None and weighted.class_weights[rows.target].mean() == pytest.approx(1.0)
    for shuffle in (True, False):
        np.testing.assert_array_equal(weighted.order(3, 2, shuffle), rows.order(3, 2, shuffle))


def test_only_training_draws() -> None:
    rows = samples([9, 2])
    balanced = data.Balanced(rows)
    np.testing.assert_array_equal(balanced.rows(), rows.rows())
    np.testing.assert_array_equal(balanced.few(11)[1], rows.target)


def test_nodes_of_a_graph_and_bags_are_drawn_too() -> None:
    edges = [[i, i + 1] for i in range(9)]
    graph = data.Graph(np.ones((10, 2), np.float32), edges, labels=[0] * 8 + [1] * 2)
    assert graph.labels is not None
    nodes = data.GraphSamples(graph.features, graph.edges, graph.labels, [0, 1, 2, 3, 4, 9], ["a", "b"])
    assert np.bincount(graph.labels[data.Balanced(nodes).order(0, 0)]).tolist() == [3, 3]
    rows = samples([30, 6])
    bag = data.Resampled(rows, seed=1)
    drawn = data.Balanced(rows, shares=[1, 2]).over(bag).order(0, 0)
    assert rows.target is not None and np.bincount(rows.target[drawn]).tolist() == [12, 24]
    assert set(drawn) <= set(bag.rows())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.Balanced(samples([3, 2]), "resampel"), "Did you mean 'resample'"),
        (lambda: data.Balanced(data.Dataset([[0.0]], [1.5])), "the task is regression"),
        (lambda: data.Balanced(data.Dataset([[0.0]])), "they have no target"),
        (lambda: data.Balanced(data.TextSamples([0, 1, 2, 3], 2)), "the task is language"),
        (lambda: data.Balanced(samples([3, 2]), shares=[1.0]), "2 classes"),
        (lambda: data.Balanced(samples([3, 2]), shares=[1.0, -1.0]), "at least 0"),
        (lambda: data.Balanced(samples([3, 2]), shares=[0, 0]), "at least 0"),
        (lambda: data.Balanced(samples([3, 0, 2]), shares=[1, 1, 1]), "0 for a class without rows"),
        (lambda: data.Resampled(data.Balanced(samples([3, 2]))), "drawn anew in every epoch"),
    ],
)
def test_what_cannot_be_balanced(make, message) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        make()
