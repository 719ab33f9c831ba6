"""Operations on whole rows of a table, at a cost that does not grow with the table: what row-sparse updates are made
of.

Compiled, where the number of distinct rows is unknown, `unique_rows` has numbers that are rows of no table among them;
`set_rows` and `add_rows` pass over rows outside the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import FUNCTIONS, OPS, op, per_input

__all__ = ["add_rows", "set_rows", "unique_rows"]


def _rows(rng: np.random.Generator) -> list[Any]:
    return [((rng.normal(size=(5, 3)), np.array([3, 0, 4]), rng.normal(size=(3, 3))), {})]


def _repeated_rows(rng: np.random.Generator) -> list[Any]:
    return [((rng.normal(size=(5, 3)), np.array([3, 0, 3]), rng.normal(size=(3, 3))), {})]


@op(
    constant="row numbers have no gradient",
    several=True,
    samples=lambda rng: [((np.array([0, 1, 3, 4, 7]),), {"count": 9}), ((np.array([0, 1, 2]),), {"count": 3})],
)
def unique_rows(xp: Any, rows: Any, /, *, count: int) -> Any:
    """The distinct row numbers of a table with `count` rows, in any order, and for each of the given ones its place
    among them.
    """
    return xp.unique_rows(rows, count)


@op(
    backward=per_input(
        lambda g, y, x, rows, values: OPS["set_rows"](g, rows, FUNCTIONS["zeros_like"](values)),
        None,
        lambda g, y, x, rows, values: FUNCTIONS["take"](g, rows, axis=0),
    ),
    samples=_rows,
)
def set_rows(xp: Any, x: Any, rows: Any, values: Any, /) -> Any:
    """x with the given rows, each named once, replaced by the values."""
    return xp.set_rows(xp.asarray(x), rows, values)


@op(
    backward=per_input(
        lambda g, y, x, rows, values: g, None, lambda g, y, x, rows, values: FUNCTIONS["take"](g, rows, axis=0)
    ),
    samples=_repeated_rows,
)
def add_rows(xp: Any, x: Any, rows: Any, values: Any, /) -> Any:
    """x with the values added to the given rows; a row named twice gets both."""
    return xp.add_rows(x, rows, values)
