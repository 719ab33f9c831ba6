"""Segments against loops in plain NumPy, eagerly and compiled; that the table's checks do not cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import OutOfBoundsError, ShapeError

RUNS = [lambda f: f, cr.compile]


@st.composite
def grouped(draw: Any) -> tuple[np.ndarray, np.ndarray, int]:
    count = draw(st.integers(1, 5))
    segments = np.array(draw(st.lists(st.integers(0, count - 1), max_size=12)), np.int32)
    values = draw(st.lists(st.integers(-3, 3), min_size=2 * len(segments), max_size=2 * len(segments)))
    return np.array(values, np.float64).reshape(-1, 2), segments, count


def by_loop(x: np.ndarray, segments: np.ndarray, count: int, reduce: Any) -> np.ndarray:
    return np.array([reduce(x[segments == s]) if (segments == s).any() else np.zeros(2) for s in range(count)])


@given(grouped())
def test_against_a_loop(given: tuple[np.ndarray, np.ndarray, int]) -> None:
    x, segments, count = given
    total = cr.segment_sum(x, segments, count=count)
    np.testing.assert_allclose(total.numpy(), by_loop(x, segments, count, lambda r: r.sum(0)))
    top = cr.segment_max(x, segments, count=count)
    np.testing.assert_array_equal(top.numpy(), by_loop(x, segments, count, lambda r: r.max(0)))
    share = cr.segment_softmax(x, segments, count=count).numpy()
    for s in range(count):
        rows = x[segments == s]
        np.testing.assert_allclose(share[segments == s], np.exp(rows) / np.exp(rows).sum(0), rtol=1e-6)


@pytest.mark.parametrize("run", RUNS)
def test_special_values(run: Any) -> None:
    segments = cr.asarray([0, 0, 2, 2], dtype="int32")
    x = cr.tensor([[-np.inf], [1.0], [np.nan], [3.0]])
    assert run(lambda x, s: cr.segment_max(x, s, count=3))(x, segments)[:2].tolist() == [[1.0], [0.0]]
    assert np.isnan(run(lambda x, s: cr.segment_max(x, s, count=3))(x, segments).numpy()[2, 0])
    assert run(lambda x, s: cr.segment_softmax(x, s, count=3))(x, segments)[:2].tolist() == [[0.0], [1.0]]
    large = cr.tensor([1e30, 1e30, -1e30, -1e30])
    share = run(lambda x, s: cr.segment_softmax(x, s, count=3))(large, segments)
    assert share.tolist() == [0.5] * 4
    empty = run(lambda x, s: cr.segment_sum(x, s, count=2))(cr.zeros((0, 3)), cr.asarray(np.zeros(0, np.int32)))
    assert empty.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("run", RUNS)
def test_equal_winners_share_the_gradient(run: Any) -> None:
    def slopes(x: Any, s: Any) -> Any:
        return cr.grad(lambda x: cr.segment_max(x, s, count=3).sum())(x)

    x = cr.tensor([2.0, 2.0, 1.0, -5.0])
    assert run(slopes)(x, cr.asarray([0, 0, 0, 2])).tolist() == [0.5, 0.5, 0.0, 1.0]


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ShapeError, match="one number for each"):
        cr.segment_sum(cr.ones((3, 2)), cr.asarray([0, 1]), count=2)
    with pytest.raises(ShapeError, match="one number for each"):
        cr.segment_softmax(cr.ones(3), cr.asarray([[0], [1], [1]]), count=2)
    for operation in (cr.segment_sum, cr.segment_max, cr.segment_softmax):
        with pytest.raises(OutOfBoundsError, match="7"):
            operation(cr.ones(2), cr.asarray([0, 7]), count=2)
        with pytest.raises(OutOfBoundsError, match="row 1 belongs to -2"):
            operation(cr.ones(2), cr.asarray([0, -2]), count=2)
