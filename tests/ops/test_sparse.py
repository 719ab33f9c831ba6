"""sparse_product: as with the dense matrix, however its entries lie, where they are known while compiling or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.array import sparse_product
from chainrule.errors import OutOfBoundsError, ShapeError
from chainrule.graph import gradients


def dense(values: np.ndarray, x: np.ndarray, rows: Any, columns: Any, count: int) -> np.ndarray:
    """The formula, with one matrix for each head."""
    matrix = np.zeros((count, len(x), *values.shape[1:]))
    np.add.at(matrix, (rows, columns), values)
    return np.einsum("ij...,j...c->i...c", matrix, x)


def all_of(values: Any, x: Any, rows: Any, columns: Any, g: Any, count: int) -> Any:
    """The product and its gradients by values and x."""
    values, x = values * 1.0, x * 1.0
    values.requires_grad = x.requires_grad = True
    y = cr.sparse_product(values, x, rows, columns, count=count)
    return [y, *(slope for _, slope in gradients([y], [g], wanted=[values, x]))]


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_is_the_product_with_the_dense_matrix(data: st.DataObject) -> None:
    """Rows without entries, with one, with more than a block; no entries at all; places named twice."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count, n, entries = (data.draw(st.integers(low, high)) for low, high in ((1, 6), (1, 6), (0, 60)))
    heads = data.draw(st.sampled_from([(), (2,)]))
    rows = np.minimum(rng.integers(0, count, entries), rng.integers(0, count, entries))
    columns = rng.integers(0, n, entries)
    values, x = rng.normal(size=(entries, *heads)), rng.normal(size=(n, *heads, 3))
    g = rng.normal(size=(count, *heads, 3))
    turned = dense(values, g, columns, rows, n) if entries else np.zeros_like(x)
    expected = [dense(values, x, rows, columns, count), (g[rows] * x[columns]).sum(axis=-1), turned]
    v, x, r, c, g = (cr.asarray(a) for a in (values, x, rows, columns, g))
    for found in (
        all_of(v, x, r, c, g, count),
        cr.compile(lambda v, x, r, c, g: all_of(v, x, r, c, g, count))(v, x, r, c, g),
        cr.compile(lambda v, x, g: all_of(v, x, r, c, g, count))(v, x, g),
        [cr.compile(lambda x: cr.sparse_product(v, x, r, c, count=count))(x)],
        [cr.compile(lambda v: cr.sparse_product(v, x, r, c, count=count))(v)],
    ):
        for a, b in zip(found, expected, strict=False):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-12)


def test_blocks_are_of_one_row_and_used_where_they_fill() -> None:
    rows = np.array([2] * 9 + [0] * 3)[::-1]
    entries, of = sparse_product._blocks(rows, 4) or pytest.fail("these fill blocks")
    assert of.tolist() == [0, 2, 2]
    for block, row in zip(entries, of, strict=True):
        assert set(rows[block[block < 12]]) == {row}
    assert sorted(entries[entries < 12]) == list(range(12))
    assert sparse_product._blocks(np.arange(50), 100) is None


@pytest.mark.parametrize("compiled", [False, True])
def test_what_no_entry_names_does_not_matter(compiled: bool) -> None:
    """The places that fill a block up multiply nothing, not even nan with 0."""
    rows, columns = cr.asarray([0, 0, 0]), cr.asarray([1, 1, 1])
    function = (cr.compile if compiled else lambda f: f)(
        lambda x: cr.sparse_product(cr.ones(3), x, rows, columns, count=1)
    )
    assert function(cr.asarray([[np.nan], [2.0], [np.inf]])).tolist() == [[6.0]]


def test_compiled_places_outside_are_left_out_or_give_nan() -> None:
    function = cr.compile(lambda rows, columns: cr.sparse_product(cr.ones(2), cr.ones((2, 1)), rows, columns, count=2))
    assert function(cr.asarray([0, 2]), cr.asarray([1, 1])).tolist() == [[1.0], [0.0]]
    y = function(cr.asarray([0, 1]), cr.asarray([1, 2])).numpy()
    assert y[0] == 1 and np.isnan(y[1])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns", "message"), [([0, 4], [0, 0], "row 4 of 4"), ([0, 1], [-1, 0], "column -1 of 3")]
)
def test_an_entry_outside_is_refused(rows: Any, columns: Any, message: str, compiled: bool) -> None:
    places = np.array(rows), np.array(columns)
    function = (cr.compile if compiled else lambda f: f)(lambda x: cr.sparse_product(cr.ones(2), x, *places, count=4))
    with pytest.raises(OutOfBoundsError, match=message):
        function(cr.ones((3, 2)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    places = np.array([0, 1])
    with pytest.raises(ShapeError, match="one length"):
        cr.sparse_product(cr.ones(3), cr.ones((2, 2)), places, places, count=2)
    with pytest.raises(ShapeError, match="one for each head"):
        cr.sparse_product(cr.ones((2, 3)), cr.ones((2, 2, 1)), places, places, count=2)
