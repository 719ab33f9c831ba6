"""XLA's options follow the operations of a program, the user's go first, and unknown ones break nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import options
from chainrule.ops.rows import set_rows

ALONE = {"xla_disable_hlo_passes": "cpu-parallel-task-assigner"}
"""What programs of small arrays have."""
OURS = {
    **options._ON_A_CPU["convolve"],
    "xla_disable_hlo_passes": "cse_barrier_expander,cpu-parallel-task-assigner",
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of every program that is compiled."""
    import jax

    found: list[Any] = []
    compile_ = jax.stages.Lowered.compile

    def compiled(self: Any, compiler_options: Any = None, **rest: Any) -> Any:
        found.append(compiler_options)
        return compile_(self, compiler_options, **rest)

    options._known.cache_clear()
    for name in options._ON_A_CPU:
        options._known(name)
    monkeypatch.setattr(jax.stages.Lowered, "compile", compiled)
    return found


def filtered(x: Any) -> Any:
    return cr.ops.convolve(x, cr.ones((2, 1, 1)))


def test_convolutions_bring_theirs(given: list[Any]) -> None:
    cr.compile(filtered)(cr.ones((1, 4, 1)))
    cr.compile(lambda x: x + 1)(cr.ones(2))
    assert given == [OURS, ALONE]


def test_loops_are_shared_out_where_arrays_are_large(given: list[Any]) -> None:
    """A table of which rows are read or replaced does not count, one that is computed does."""
    table = cr.Variable(np.zeros((1 << 18, 1), np.float32))
    rows = np.array([3, 0], np.int32)

    def replaced() -> None:
        table.assign(set_rows(table, rows, cr.take(table, rows, axis=0) + 1.0))

    cr.compile(replaced)()
    cr.compile(lambda: table.assign(table + 1.0))()
    cr.compile(lambda: (table + 1.0).sum())()
    assert given[0] == ALONE and given[1:] == [{}, {}]
    assert table.numpy()[:5, 0].tolist() == [2.0, 1.0, 1.0, 2.0, 1.0]


@pytest.mark.parametrize("layer", [cr.nn.LSTM, cr.nn.GRU])
def test_gates_take_the_whole_registers(given: list[Any], layer: Any) -> None:
    model = layer(2, 2)
    cr.compile(lambda x: model(x)[0])(cr.ones((1, 3, 2)))
    assert given[-1]["xla_cpu_prefer_vector_width"] == 512


def test_products_in_bfloat16_stay_with_the_library_that_has_them(given: list[Any]) -> None:
    with cr.precision("bf16"):
        cr.compile(lambda x: filtered(x)[..., 0] @ cr.ones((3, 1)))(cr.ones((1, 4, 1)))
    kinds = given[0].pop("xla_cpu_experimental_ynn_fusion_type")
    assert kinds == "LIBRARY_FUSION_TYPE_REDUCE,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
    assert given[0].items() <= OURS.items()


@pytest.mark.parametrize(("rows", "chosen"), [(1, True), (1 << 6, False), (1 << 16, True)])
def test_the_smallest_and_the_large_products_are_eigens(given: list[Any], rows: int, chosen: bool) -> None:
    cr.compile(lambda x: x @ cr.ones((8, 8)))(cr.ones((rows, 8)))
    assert given[0].get("xla_cpu_experimental_ynn_fusion_type") == ("LIBRARY_FUSION_TYPE_REDUCE" if chosen else None)


def test_the_users_go_first(given: list[Any]) -> None:
    mine = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT"}
    cr.compile(filtered, compiler_options=mine)(cr.ones((1, 4, 1)))
    assert given == [{**OURS, **mine}]


def test_what_this_version_does_not_know_is_left_out(given: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(options._ON_A_CPU, "convolve", {"xla_no_such_option": True})
    options._known.cache_clear()
    assert cr.compile(filtered)(cr.ones((1, 4, 1))).tolist() == [[[2.0]] * 3]
    options._known.cache_clear()
    assert given == [{"xla_no_such_option": True}, ALONE]


@pytest.mark.parametrize("layer", [cr.nn.Embedding(4, 3), cr.nn.Conv1d(1, 1, 2), cr.nn.Dropout(0.5)])
def test_the_smallest_loops_have_no_barriers(layer: Any) -> None:
    """XLA writes them as one piece, in which it knows none."""
    x = np.array([[0, 1], [2, 3]]) if isinstance(layer, cr.nn.Embedding) else np.ones((2, 1, 3, 1), np.float32)
    total = cr.compile(lambda x: layer(x).sum())
    assert total.scan(x).shape == (2,)
