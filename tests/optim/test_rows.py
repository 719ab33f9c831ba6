"""Row-sparse gradients: exact where they can be, lazy where they say so, at a cost that is not the table's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn, optim
from chainrule.array.last_places import last_places
from chainrule.ops.rows import unique_rows

IDS = [np.array([1, 3, 1]), np.array([0, 3, 3]), np.array([1, 1, 4])]


def train(make: Any, dense: bool, compiled: bool = False) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Three steps on a table of which every batch touches some rows; dense goes through a matrix product."""
    table = nn.Parameter(np.arange(18.0).reshape(6, 3) / 10, dtype="float64")
    optimizer = make([table])
    target = cr.asarray(np.linspace(-1, 1, 9).reshape(3, 3))

    def step(ids: Any) -> Any:
        one_hot = cr.astype(ids[:, None] == np.arange(6), cr.float64)
        rows = one_hot @ table if dense else cr.ops.embedding(table, ids)
        return optimizer.minimize(cr.square(rows - target).sum())

    function = cr.compile(step) if compiled else step
    for ids in IDS:
        function(cr.asarray(ids))
    return table.numpy(), optimizer.state_dict()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, 0.1),
        lambda p: optim.AdaGrad(p, 0.1),
        lambda p: optim.AdaGrad(p, 0.1, clip_norm=0.5),
        lambda p: optim.SGD(p, 0.1, clip_norm=0.5),
        lambda p: optim.SGD(p, 0.1, clip_value=0.3),
        lambda p: optim.Adam(p, 0.1, lazy=False),
        lambda p: optim.Momentum(p, 0.1, lazy=False, weight_decay=0.1),
        lambda p: optim.Adafactor(p, 0.1),
        lambda p: optim.Muon(p, 0.1),
    ],
)
def test_equal_to_the_dense_update(make: Any, compiled: bool) -> None:
    rows, rows_state = train(make, dense=False, compiled=compiled)
    whole, whole_state = train(make, dense=True)
    np.testing.assert_allclose(rows, whole, rtol=1e-12)
    for key, value in whole_state.items():
        np.testing.assert_allclose(rows_state[key], value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(set(optim.OPTIMIZERS) - {"adafactor", "muon"}))
def test_lazy_leaves_untouched_rows_alone_and_is_the_same_compiled(name: str) -> None:
    make = lambda p: optim.make(name, p, weight_decay=0.001)  # noqa: E731
    eager, state = train(make, dense=False)
    compiled, compiled_state = train(make, dense=False, compiled=True)
    start = np.arange(18.0).reshape(6, 3) / 10
    assert (eager[[2, 5]] == start[[2, 5]]).all() and (eager[[0, 1, 3, 4]] != start[[0, 1, 3, 4]]).all()
    np.testing.assert_allclose(compiled, eager, rtol=1e-12)
    for key, value in state.items():
        np.testing.assert_allclose(compiled_state[key], value, rtol=1e-12, atol=1e-15)


def test_a_row_named_twice_is_added_up_before_it_is_squared() -> None:
    once, twice = nn.Embedding(3, 2), nn.Embedding(3, 2)
    twice.load_state_dict(once.state_dict())
    for table, ids, weight in ((once, [1], 2.0), (twice, [1, 1], 1.0)):
        optim.Adam(table.parameters(), 0.1).minimize((weight * cr.square(table(np.array(ids)))).sum())
    np.testing.assert_allclose(once.weight.numpy(), twice.weight.numpy(), rtol=1e-6)


def test_a_table_looked_up_twice_and_used_whole() -> None:
    table = nn.Embedding(4, 2)
    before = table.weight.numpy().copy()
    optimizer = optim.SGD(table.parameters(), 0.5)
    optimizer.minimize(table(np.array([0])).sum() + table(np.array([0, 2])).sum())
    np.testing.assert_allclose(
        before - table.weight.numpy(), 0.5 * np.array([[2, 2], [0, 0], [1, 1], [0, 0]]), rtol=1e-5
    )
    before = table.weight.numpy().copy()
    optimizer.minimize(table(np.array([0])).sum() + table.weight.sum())
    np.testing.assert_allclose(
        before - table.weight.numpy(), 0.5 * np.array([[2, 2], [1, 1], [1, 1], [1, 1]]), rtol=1e-5
    )


def test_step_takes_row_sparse_gradients_too() -> None:
    table = nn.Embedding(5, 2)
    optimizer = optim.Adam(table.parameters(), 0.1)
    before = table.weight.numpy().copy()
    cr.square(table(np.array([4, 4]))).sum().backward()
    norm = optim.clip_grad_norm(table.parameters(), 1.0)
    expected = np.sqrt((4.0 * before[4]) @ (4.0 * before[4]))
    assert float(norm) == pytest.approx(expected, rel=1e-5)
    optimizer.step()
    assert (table.weight.numpy() == before).all(axis=1).tolist() == [True] * 4 + [False]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint64"])
def test_ids_of_any_dtype_touch_their_rows_only(dtype: str) -> None:
    """A small dtype has no number past the end of a larger table: 255 is the last row of 256, not the end of uint8."""
    last = min(255, int(np.iinfo(dtype).max))
    tables = []
    for compiled in (False, True):
        cr.random.seed(0)
        table = nn.Embedding(300, 2)
        optimizer = optim.Adam(table.parameters(), 0.1)

        def step(ids: Any, table: Any = table, optimizer: Any = optimizer) -> Any:
            return optimizer.minimize(cr.square(table(ids)).sum())

        function = cr.compile(step) if compiled else step
        for ids in ([3, 3, last], [5, 3, 3], [5, 5, 5]):
            function(cr.asarray(ids, dtype=dtype))
        tables.append(table.weight.numpy())
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-5, atol=1e-6)


def test_an_id_below_0_in_a_small_dtype_is_no_other_row() -> None:
    table = nn.Embedding(300, 2)
    found = cr.compile(lambda ids: table(ids))(cr.asarray([-1, 3], dtype="int8")).numpy()
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


FAR = 2**32
"""Numbers that far apart are the same in the 32 bits that are hashed, and meet in every round."""


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5) | st.integers(0, 2**31 - 2), max_size=40), st.sampled_from(["int32", "int64"]))
@example([], "int32")
@example([7] * 40, "int32")
@example([n * FAR for n in (3, 1, 3, 2, 0)], "int64")
@example([n * 4096 for n in range(40)], "int64")
def test_distinct_rows_are_the_given_ones_once(rows: list[int], dtype: str) -> None:
    given = cr.asarray(np.array(rows, dtype))
    count = max(rows, default=0) + 1  # few enough for a mark on each, or not
    for found, place in (unique_rows(given, count=count), cr.compile(unique_rows)(given, count=count)):
        assert found.numpy()[place.numpy()].tolist() == rows
        kept = [n for n in found.tolist() if n != np.iinfo(dtype).max]
        assert sorted(kept) == sorted(set(rows))


def test_last_places_of_many_numbers() -> None:
    import jax

    numbers = np.random.default_rng(0).integers(0, 3000, 5000, dtype=np.int32)
    last = {n: i for i, n in enumerate(numbers.tolist())}
    places = jax.jit(lambda x: last_places(jax.numpy, jax.lax, x))(numbers)
    np.testing.assert_array_equal(places, [last[n] for n in numbers.tolist()])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("ids", [[2, 2, 2, 2], [5, 0, 3, 1], [4, 1, 4, 0, 1, 4]])
def test_repeated_ids_are_one_row_of_the_gradient(ids: list[int], compiled: bool) -> None:
    """Adam's first step of lr · g / (|g| + ε) is lr wherever a row was met, however often, and clipping sees sums."""
    table = nn.Embedding(6, 2)
    before = table.weight.numpy().copy()
    optimizer = optim.Adam(table.parameters(), 0.1, clip_norm=0.5)
    step = lambda ids: optimizer.minimize(table(ids).sum())  # noqa: E731
    (cr.compile(step) if compiled else step)(cr.asarray(ids))
    met = np.isin(np.arange(6), ids)
    np.testing.assert_allclose(before - table.weight.numpy(), 0.1 * met[:, None] * np.ones(2), atol=1e-6)
    counts = np.bincount(ids, minlength=6)[:, None] * np.ones(2)
    expected = 0.1 * counts * 0.5 / np.linalg.norm(counts)
    np.testing.assert_allclose(optimizer.state_dict()["0.m"], expected, rtol=1e-5)
