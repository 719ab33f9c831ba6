"""Row-sparse gradients: exact where they can be, lazy where they say so, at a cost that is not the table's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

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
