"""sparse_product: a matrix that is mostly 0 times a dense one; on graphs, weighted sums over the neighbours of each
node.

XLA took 0.1 ms for the words of the citation graph Cora (49,216 of 2,708 × 1,433) times 16 columns, where looking up,
multiplying and adding up to segments took 0.35 ms and a dense product 0.9 ms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import OutOfBoundsError, ShapeError
from chainrule.graph import FUNCTIONS, OPS, op, per_input

__all__ = ["sparse_product"]


def _samples(rng: np.random.Generator) -> list[Any]:
    rows, columns = np.array([2, 0, 2, 2, 0]), np.array([1, 1, 0, 1, 2])
    many = np.array([1] * 20 + [3])  # more than one block, and one of a single entry
    return [
        ((rng.normal(size=5), rng.normal(size=(3, 2)), rows, columns), {"count": 4}),
        ((rng.normal(size=(5, 2)), rng.normal(size=(3, 2, 2)), rows, columns), {"count": 3}),
        ((rng.normal(size=21), rng.normal(size=(6, 2)), many, np.arange(21) % 6), {"count": 4}),
    ]


def _values_gradient(g: Any, y: Any, values: Any, x: Any, rows: Any, columns: Any, count: int) -> Any:
    take = FUNCTIONS["take"]
    both = take(g, rows, axis=0) * take(x, columns, axis=0)
    return FUNCTIONS["sum"](both, axis=tuple(range(values.ndim, x.ndim)))


@op(
    backward=per_input(
        _values_gradient,
        lambda g, y, values, x, rows, columns, count: OPS["sparse_product"](values, g, columns, rows, count=x.shape[0]),
        None,
        None,
    ),
    samples=_samples,
)
def sparse_product(xp: Any, values: Any, x: Any, rows: Any, columns: Any, /, *, count: int) -> Any:
    """y[i] = Σ values[e] · x[columns[e]] over the entries e with rows[e] = i; 0 for a row without entries.

    Arguments:
        values: (E,), or (E, heads) for a matrix of each head, with x (n, heads, …).
        x: (n, …).
        rows, columns: (E,), integers from 0 to count − 1 and from 0 to n − 1, in any order; entries at the same place
            add up.
        count: how many rows the matrix has.

    Shapes: x (n, …) → (count, …).

    Raises:
        ShapeError: when there is not one value, row and column for each entry.
        OutOfBoundsError: for a place outside; compiled, where places may be unknown, an entry of a row past the end is
            left out, and one of a column past the end gives nan.

    Example:
        >>> import chainrule as cr
        >>> values, rows, columns = cr.tensor([1.0, 2.0, 4.0]), cr.asarray([2, 0, 2]), cr.asarray([0, 1, 1])
        >>> cr.sparse_product(values, cr.tensor([[1.0], [10.0]]), rows, columns, count=3).tolist()
        [[20.0], [0.0], [41.0]]
    """
    if rows.ndim != 1 or columns.shape != rows.shape or values.shape[:1] != rows.shape:
        raise ShapeError(
            f"An entry has a value, a row and a column; got {values.shape}, {rows.shape} and {columns.shape}.",
            fix="three arrays of one length",
        )
    if not x.ndim or values.shape[1:] != x.shape[1 : values.ndim]:
        raise ShapeError(
            f"Values of shape {values.shape} cannot multiply rows of {x.shape}.",
            fix="one number for each entry, or one for each head: values (E, heads) and x (n, heads, …)",
        )
    for name, places, end in (("row", rows, count), ("column", columns, x.shape[0])):
        if isinstance(places, np.ndarray) and places.size and (places.min() < 0 or places.max() >= end):
            entry = int(np.argmax((places < 0) | (places >= end)))
            raise OutOfBoundsError(f"Entry {entry} stands in {name} {int(places[entry])} of {end}, counted from 0.")
    return xp.sparse_product(values, x, rows, columns, count)
